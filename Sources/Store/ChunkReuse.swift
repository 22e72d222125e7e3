internal import EventLoop
internal import Files
internal import Manifest
internal import Units

/// Chunks of a version that is to be fetched, which complete versions here have already. A value: hand it on.
struct ChunkReuse: Sendable {
    /// A complete variant to take from.
    struct Source: Sendable {
        let map: ChunkMap
        let folder: StorePath
        let available: ChunkSet
    }

    private struct Piece {
        let source: Int
        let from: ChunkIndex
        let to: ChunkIndex
    }

    private let sources: [Source]
    /// In reverse.
    private var pieces: [Piece] = []

    /// Compares the tables of chunks; O(chunks of all sources).
    init(missing: ChunkSet, of map: ChunkMap, sources: [Source]) {
        self.sources = sources
        var wanted: [Digest: ChunkIndex] = [:]
        for index in missing.indices { wanted[map.layout.digest(of: index)] = index }
        for (number, source) in sources.enumerated() {
            for from in source.available.indices {
                guard let to = wanted.removeValue(forKey: source.map.layout.digest(of: from)) else { continue }
                pieces.append(Piece(source: number, from: from, to: to))
            }
        }
        pieces.reverse()
    }

    /// Copies on, at most about `byteCountMax`. What cannot be read or is not right any more is left for the network.
    /// Blocks.
    /// - Returns: the chunks that were copied, and whether all were tried.
    mutating func advance(
        into assembly: Assembly, in fileSystem: any StoreFileSystem, byteCountMax: Int
    ) -> (copied: [ChunkIndex], isDone: Bool) {
        var copied: [ChunkIndex] = []
        var left = byteCountMax
        while left > 0, let piece = pieces.popLast() {
            left -= assembly.map.layout.byteCount(of: piece.to)
            guard let bytes = try? read(piece, in: fileSystem) else { continue }
            let (verdict, _) = unsafe assembly.write(bytes.span.bytes, as: piece.to, from: .local)
            if verdict == .verified { copied.append(piece.to) }
        }
        return (copied, pieces.isEmpty)
    }

    private func read(_ piece: Piece, in fileSystem: any StoreFileSystem) throws(FileError) -> [UInt8] {
        let source = sources[piece.source]
        guard let place = source.map.places(of: piece.from).first else { return [] }
        let path = StorePaths.file(source.map.files[place.file].path, in: source.folder)
        let file = try fileSystem.open(path, for: .reading)
        return try file.read(byteCount: source.map.layout.byteCount(of: piece.from), at: place.offset)
    }
}

extension Store {
    /// Takes from the complete versions here what a new one shares with them.
    /// - Returns: the chunks that were taken.
    func reuse(
        _ missing: ChunkSet, in assembly: Assembly, for entry: VariantEntry
    ) async throws(StoreError) -> [ChunkIndex] {
        let sources = reuseSources
        guard !missing.isEmpty, !sources.isEmpty else { return [] }
        let fileSystem = fileSystem
        var reuse = try await onPool { () throws(StoreError) in
            ChunkReuse(missing: missing, of: assembly.map, sources: sources)
        }
        var taken: [ChunkIndex] = []
        var isDone = false
        while !isDone, !entry.isRemoved {
            let start = reuse
            let step = try await onPool { () throws(StoreError) in
                var reuse = start
                let (copied, isDone) = reuse.advance(
                    into: assembly, in: fileSystem, byteCountMax: Limits.checkSliceByteCountMax)
                return (reuse, copied, isDone)
            }
            reuse = step.0
            taken += step.1
            isDone = step.2
        }
        return taken
    }

    private var reuseSources: [ChunkReuse.Source] {
        allEntries.compactMap { entry in
            guard entry.record != nil, let map = entry.map, let available = entry.available else { return nil }
            return ChunkReuse.Source(map: map, folder: entry.folder(map), available: available)
        }
    }
}
