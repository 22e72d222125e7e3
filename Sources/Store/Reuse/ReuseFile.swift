internal import Files
internal import Manifest
internal import Units

/// A file on this machine, and which of the wanted chunks are in it.
struct ReuseFile: Sendable {
    /// Where it is.
    enum Place: Hashable, Sendable {
        case inStore(StorePath)
        /// A file of the user's, which may change at any moment.
        case outside(String)
    }

    /// A wanted chunk in the file.
    struct Hit: Hashable, Sendable {
        let chunk: ChunkIndex
        let offset: Int64
    }

    let place: Place
    let byteCount: ByteCount
    /// What its bytes hash to, as far as is known; nil if some are known to be wrong.
    let digest: Digest?
    /// Ascending by offset.
    let hits: [Hit]

    func open(in fileSystem: any StoreFileSystem) throws(FileError) -> any ReadableFile {
        switch place {
        case .inStore(let path): try fileSystem.open(path, for: .reading)
        case .outside(let path): try OutsideFile(path: path)
        }
    }
}

/// A complete variant from which others may take.
struct ReuseVariant: Sendable {
    let map: ChunkMap
    let folder: StorePath
    let available: ChunkSet

    /// Its files that are of use. O(chunks · log wanted).
    /// - Parameter digests: whole files that are wanted, whatever their chunks are.
    func files(_ wanted: WantedChunks, digests: Set<Digest>) -> [ReuseFile] {
        map.files.enumerated().compactMap { number, entry in
            var hits: [ReuseFile.Hit] = []
            var (offset, isWhole) = (Int64(0), true)
            for use in map.chunks(ofFile: number) {
                let chunk = ChunkIndex(use)
                if !available.contains(chunk) {
                    isWhole = false
                } else if let index = wanted.index(of: map.layout.digest(of: chunk)) {
                    hits.append(.init(chunk: index, offset: offset))
                }
                offset += Int64(map.layout.byteCount(of: chunk))
            }
            let isTwin = isWhole && digests.contains(entry.digest)
            guard isTwin || !hits.isEmpty else { return nil }
            return ReuseFile(
                place: .inStore(StorePaths.file(entry.path, in: folder)), byteCount: entry.byteCount,
                digest: isWhole ? entry.digest : nil, hits: hits)
        }
    }
}
