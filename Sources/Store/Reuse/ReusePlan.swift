internal import Manifest
internal import Units

/// Which bytes of a version are taken from which files that are here, in runs as long as possible: blocks of a disk can
/// be shared within a run, whatever the chunks' sizes.
struct ReusePlan: Sendable {
    private(set) var runs: [ReuseRun] = []
    /// For each chunk that is found here, the places that it has in the variant.
    private(set) var placeCounts: [ChunkIndex: Int] = [:]

    private let map: ChunkMap
    private let missing: ChunkSet
    private let sources: [ReuseFile]
    /// Where each chunk that is wanted is found first.
    private var finds: [Digest: Find] = [:]
    /// Whole files by their digest: these need no chunks in common.
    private var twins: [Digest: Int] = [:]

    private struct Find {
        let source: Int
        /// Among the source's chunks; nil in a twin, whose chunks may be others.
        let position: Int?
        let offset: Int64
    }

    /// O(chunks of all sources and of the variant).
    init(_ missing: ChunkSet, of map: ChunkMap, sources: [ReuseFile]) {
        self.map = map
        self.missing = missing
        self.sources = sources
        index()
        for file in map.files.indices { plan(file) }
    }

    /// What needs no space on a disk that shares blocks.
    var shareableByteCount: Int64 { runs.reduce(0) { $0 + Int64($1.shareable.count) } }

    private mutating func index() {
        let wanted = Set(missing.indices.map { map.layout.digest(of: $0) })
        for (number, source) in sources.enumerated() {
            if twins[source.entry.digest] == nil, source.isWhole { twins[source.entry.digest] = number }
            var offset: Int64 = 0
            for (position, use) in source.chunks.enumerated() {
                let digest = source.layout.digest(of: ChunkIndex(use))
                if wanted.contains(digest), finds[digest] == nil, source.offers(ChunkIndex(use)) {
                    finds[digest] = Find(source: number, position: position, offset: offset)
                }
                offset += Int64(source.layout.lengths[Int(use)])
            }
        }
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
        if let twin = twins[map.files[file].digest] { return Find(source: twin, position: nil, offset: offset) }
        let digest = map.layout.digest(of: chunk)
        if let last, let position = last.position {
            let source = sources[last.source]
            let (layout, chunks) = (source.layout, source.chunks)
            if position + 1 < chunks.count {
                let next = ChunkIndex(chunks[chunks.startIndex + position + 1])
                let end = last.offset + Int64(layout.lengths[Int(chunks[chunks.startIndex + position])])
                if layout.digest(of: next) == digest, source.offers(next) {
                    return Find(source: last.source, position: position + 1, offset: end)
                }
            }
        }
        return finds[digest]
    }

    private mutating func take(_ chunk: ChunkIndex, from find: Find, _ file: Int, _ offset: Int64) {
        placeCounts[chunk, default: 0] += 1
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
            && find.offset + Int64(byteCount) == sources[find.source].entry.byteCount.value
    }
}
