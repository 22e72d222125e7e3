internal import Manifest
internal import Units

/// Which bytes of a version are taken from which files that are here, in runs as long as possible: blocks of a disk can
/// be shared within a run, whatever the chunks' sizes.
struct ReusePlan: Sendable {
    private(set) var runs: [ReuseRun] = []

    private let map: ChunkMap
    private let missing: ChunkSet
    private let sources: [ReuseFile]
    /// For each chunk the first place where it is found: a source, and which of its hits; -1 for none.
    private var finds: [(source: Int32, hit: Int32)]
    /// Whole files by their digest: these need no chunks in common.
    private var twins: [Digest: Int] = [:]

    private struct Find {
        let source: Int
        /// Which of the source's hits; nil in a twin, whose chunks may be others.
        let hit: Int?
        let offset: Int64
    }

    /// O(hits of all sources and chunks of the variant).
    init(_ missing: ChunkSet, of map: ChunkMap, sources: [ReuseFile]) {
        self.map = map
        self.missing = missing
        self.sources = sources
        finds = Array(repeating: (-1, -1), count: map.layout.chunkCount)
        for (number, source) in sources.enumerated() {
            if let digest = source.digest, twins[digest] == nil { twins[digest] = number }
            for (position, hit) in source.hits.enumerated() where finds[hit.chunk.int].source < 0 {
                finds[hit.chunk.int] = (Int32(number), Int32(position))
            }
        }
        for file in map.files.indices { plan(file) }
    }

    /// What needs no space on a disk that shares blocks.
    var shareableByteCount: Int64 { runs.reduce(0) { $0 + Int64($1.shareable.count) } }

    /// The chunks that are found for all their places.
    var foundEverywhere: ChunkSet {
        var counts: [ChunkIndex: Int] = [:]
        for chunk in runs.lazy.flatMap(\.chunks) { counts[chunk, default: 0] += 1 }
        var found = ChunkSet(capacity: map.layout.chunkCount)
        for (chunk, count) in counts where count == map.places(of: chunk).count { found.insert(chunk) }
        return found
    }

    private mutating func plan(_ file: Int) {
        var offset: Int64 = 0
        var last: Find?
        for use in map.chunks(ofFile: file) {
            let chunk = ChunkIndex(use)
            let find = missing.contains(chunk) ? find(chunk, in: file, at: offset, after: last) : nil
            if let find { take(chunk, from: find, file, offset) }
            last = find
            offset += Int64(map.layout.byteCount(of: chunk))
        }
    }

    /// The same place of the file's twin; or what follows the last find; or wherever the chunk is.
    private func find(_ chunk: ChunkIndex, in file: Int, at offset: Int64, after last: Find?) -> Find? {
        if let twin = twins[map.files[file].digest] { return Find(source: twin, hit: nil, offset: offset) }
        if let last, let hit = last.hit, hit + 1 < sources[last.source].hits.count {
            let (this, next) = (sources[last.source].hits[hit], sources[last.source].hits[hit + 1])
            let isAdjacent = next.offset == this.offset + Int64(map.layout.byteCount(of: this.chunk))
            if isAdjacent, next.chunk == chunk { return Find(source: last.source, hit: hit + 1, offset: next.offset) }
        }
        let (source, hit) = finds[chunk.int]
        guard source >= 0 else { return nil }
        return Find(source: Int(source), hit: Int(hit), offset: sources[Int(source)].hits[Int(hit)].offset)
    }

    private mutating func take(_ chunk: ChunkIndex, from find: Find, _ file: Int, _ offset: Int64) {
        let byteCount = map.layout.byteCount(of: chunk)
        if let run = runs.last, run.source == find.source, run.file == file,
            run.sourceOffset + run.byteCount == find.offset, run.offset + run.byteCount == offset,
            run.byteCount < Int64(Limits.checkSliceByteCountMax)
        {
            runs[runs.count - 1].append(chunk, byteCount: byteCount)
        } else {
            var run = ReuseRun(source: find.source, sourceOffset: find.offset, file: file, offset: offset)
            run.append(chunk, byteCount: byteCount)
            runs.append(run)
        }
        runs[runs.count - 1].endsBoth =
            offset + Int64(byteCount) == map.files[file].byteCount.value
            && find.offset + Int64(byteCount) == sources[find.source].byteCount.value
    }
}
