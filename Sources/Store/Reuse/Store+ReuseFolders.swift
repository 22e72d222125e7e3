internal import Chunking
internal import EventLoop
internal import Files
internal import Manifest
internal import Units

/// Folders of the user's in which bytes of a version may lie.
extension Store {
    /// Cuts and hashes what is in some folders as a version is cut. A folder that cannot be looked through, and a file
    /// that changes meanwhile or cannot be read, is left out; what is taken from one is hashed again in its new place.
    ///
    /// - Throws: `.cancelled` if the version is removed meanwhile.
    func outsideFiles(
        _ folders: [String], for manifest: Manifest, _ entry: VariantEntry
    ) async throws(StoreError) -> [ReuseFile] {
        guard !folders.isEmpty, let cutting = try? VersionCutting(.exactly(manifest.chunking), byteCount: 0) else {
            return []
        }
        var found: [ReuseFile] = []
        for folder in folders.prefix(Limits.reuseFolderCountMax) {
            let plan = try? await onPool { () throws(StoreError) in try PublishPlan.scan(folder) }
            for file in plan?.files ?? [] {
                guard !entry.isRemoved else { throw StoreError(.cancelled, "begin fetch", of: "\(entry.key)") }
                if let file = await outsideFile(file, cutting) { found.append(file) }
            }
        }
        return found
    }

    private func outsideFile(_ file: PublishPlan.File, _ cutting: VersionCutting) async -> ReuseFile? {
        var scan = try? await onPool { () throws(StoreError) in try OutsideScan(file, cutting) }
        while let current = scan, !current.isDone {
            scan = try? await onPool { () throws(StoreError) in
                var next = current
                try next.advance()
                return next
            }
        }
        return scan?.result
    }
}

/// One file that is being looked through. Blocks; a value: hand it on.
private struct OutsideScan: Sendable {
    private(set) var isDone = false

    private let file: PublishPlan.File
    private let opened: OutsideFile
    private var hashing: FileHashing

    init(_ file: PublishPlan.File, _ cutting: VersionCutting) throws(StoreError) {
        self.file = file
        (opened, hashing) = try doing("reuse") { () throws(FileError) in
            let opened = try OutsideFile(path: file.source)
            let cuts = try cutting.plan(opened, byteCount: file.byteCount).plan
            let cutter = FileCutter(cuts, cutting.sizes)
            return (opened, FileHashing(cutter: cutter, includesWhole: true, byteCount: file.byteCount))
        }
    }

    mutating func advance() throws(StoreError) {
        var hashing = hashing
        isDone = try doing("reuse") { () throws(FileError) in
            try hashing.advance(opened, byteCountMax: Int64(Limits.checkSliceByteCountMax), nil)
        }
        self.hashing = hashing
    }

    /// Nil if it has more chunks than a version may have.
    var result: ReuseFile? {
        let hashes = hashing.hashes
        var builder = LayoutBuilder()
        for chunk in hashes.chunks { builder.append(chunk.digest, byteCount: Int(chunk.byteCount)) }
        builder.endFile()
        guard let layout = try? builder.finish(), let digest = hashes.whole else { return nil }
        return ReuseFile(
            place: .outside(file.source), entry: FileEntry(path: file.path, byteCount: file.byteCount, digest: digest),
            layout: layout, number: 0, available: nil)
    }
}
