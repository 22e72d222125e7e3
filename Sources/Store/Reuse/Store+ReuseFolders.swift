internal import Chunking
internal import EventLoop
internal import Files
internal import Manifest
internal import Synchronization
internal import Units

/// Folders of the user's in which bytes of a version may lie.
extension Store {
    /// Cuts and hashes what is in some folders as a version is cut, and keeps what is wanted. A folder that cannot be
    /// looked through, and a file that changes meanwhile or cannot be read, is left out; what is taken from one is
    /// hashed again in its new place.
    ///
    /// - Throws: `.cancelled` if the version is removed meanwhile.
    func outsideFiles(
        _ folders: [String], cutAs chunking: ChunkingParameters, _ wanted: WantedChunks, _ entry: VariantEntry
    ) async throws(StoreError) -> [ReuseFile] {
        guard !folders.isEmpty, let cutting = try? VersionCutting(.exactly(chunking), byteCount: 0) else { return [] }
        var found: [ReuseFile] = []
        for folder in folders.prefix(Limits.reuseFolderCountMax) {
            let paths = await onPool { OutsideWalk.files(below: folder) }
            for path in paths {
                guard !entry.isRemoved else { throw StoreError(.cancelled, "begin fetch", of: "\(entry.key)") }
                if let file = await outsideFile(path, cutting, wanted) { found.append(file) }
            }
        }
        return found
    }

    private func outsideFile(_ path: String, _ cutting: VersionCutting, _ wanted: WantedChunks) async -> ReuseFile? {
        var scan = try? await onPool { () throws(StoreError) in try OutsideScan(path, cutting, wanted) }
        while let current = scan, !current.isDone {
            scan = try? await onPool { () throws(StoreError) in
                try current.advance()
                return current
            }
        }
        return scan?.result
    }
}

/// Finds files without minding what else there is.
private enum OutsideWalk {
    /// The regular files below a folder, or the path itself if it is one. Links are followed to files, not to folders.
    static func files(below root: String) -> [String] {
        var found: [String] = []
        var pending = [(path: root, depth: 0)]
        while let (path, depth) = pending.popLast(), found.count < Limits.reuseFileCountMax {
            let isLink = (try? OutsideKind.of(path, followingLinks: false)) == .link
            switch try? OutsideKind.of(path, followingLinks: true) {
            case .file: found.append(path)
            case .folder where (!isLink || depth == 0) && depth < Limits.filePathComponentCountMax:
                let entries = (try? OutsideFile.list(folder: path)) ?? []
                pending += entries.reversed().map { ("\(path)/\($0.name)", depth + 1) }
            default: break
            }
        }
        return found
    }
}

/// One file that is being looked through, by one job of the pool after the other. Blocks.
private final class OutsideScan: Sendable {
    private let path: String
    private let file: OutsideFile
    private let byteCount: ByteCount
    private let hashing: Mutex<(hashing: FileHashing<WantedHits>, isDone: Bool)>

    init(_ path: String, _ cutting: VersionCutting, _ wanted: WantedChunks) throws(StoreError) {
        self.path = path
        let (file, byteCount, hashing) = try doing("reuse") { () throws(FileError) in
            let file = try OutsideFile(path: path)
            let byteCount = try file.status().byteCount
            let cutter = FileCutter(try cutting.plan(file, byteCount: byteCount).plan, cutting.sizes)
            return (
                file, byteCount,
                FileHashing(cutter: cutter, into: WantedHits(wanted: wanted), includesWhole: true, byteCount: byteCount)
            )
        }
        self.file = file
        self.byteCount = byteCount
        self.hashing = Mutex((hashing, false))
    }

    var isDone: Bool { hashing.withLock { $0.isDone } }

    func advance() throws(StoreError) {
        try doing("reuse") { () throws(FileError) in
            try hashing.withLock { state throws(FileError) in
                state.isDone = try state.hashing.advance(
                    file, byteCountMax: Int64(Limits.checkSliceByteCountMax), nil)
            }
        }
    }

    var result: ReuseFile? {
        hashing.withLock { state in
            ReuseFile(
                place: .outside(path), byteCount: byteCount, digest: state.hashing.whole,
                hits: state.hashing.sink?.hits ?? [])
        }
    }
}

/// Of a file's chunks those that are wanted.
private struct WantedHits: ChunkSink {
    let wanted: WantedChunks
    private(set) var hits: [ReuseFile.Hit] = []

    init(wanted: WantedChunks) { self.wanted = wanted }

    mutating func take(_ digest: Digest, at offset: Int64, byteCount: UInt32) {
        if let chunk = wanted.index(of: digest) { hits.append(.init(chunk: chunk, offset: offset)) }
    }
}
