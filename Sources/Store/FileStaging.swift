internal import Chunking
internal import EventLoop
internal import Files
internal import Manifest
internal import Units

/// One file as it was staged.
struct StagedFile: Sendable {
    let path: FilePath
    let byteCount: ByteCount
    let digest: Digest
    let chunks: [StagedChunk]
    let sharesBlocks: Bool
    let remark: PublishPlan.Remark?
}

/// Copies one file into the staging folder, then cuts and hashes the copy.
struct FileStaging: Sendable {
    let fileSystem: any StoreFileSystem
    let file: PublishPlan.File
    let target: StorePath
    let cutting: VersionCutting
    let owner: Owner?

    struct Owner: Sendable {
        let user: UInt32
        let group: UInt32
    }

    /// - Parameter split: whether the chunks and the whole are hashed by two threads at the same time, for a file that
    ///   the others would wait for.
    @LoopActor func run(split: Bool, _ count: ProgressCounter) async throws(StoreError) -> StagedFile {
        let original = try await onPool { () throws(StoreError) in try copy() }
        // The original is likely to be in memory, and the copy is not. They share the disk's blocks since one moment,
        // so an original that did not change around it has the copy's bytes.
        if original.isAlike, let hashed = try? await hash(original.file, split: split, count, sharesBlocks: true),
            (try? await onPool { () throws(StoreError) in try original.isUnchanged() }) == true
        {
            return hashed
        }
        let copied = try await onPool { () throws(StoreError) in
            try doing("publish") { () throws(FileError) -> any ReadableFile in
                try fileSystem.open(target, for: .reading)
            }
        }
        return try await hash(copied, split: split, count, sharesBlocks: original.method == .sharedBlocks)
    }

    private func copy() throws(StoreError) -> Original {
        let (original, status) = try doing("publish") { () throws(FileError) in
            let source = try OutsideFile(path: file.source)
            let before = try source.status()
            let method = try fileSystem.copy(from: source, to: target, mode: StorePaths.committedMode)
            if let owner { try fileSystem.setOwner(target, user: owner.user, group: owner.group) }
            return (
                Original(file: source, before: before, method: method, isOnLocalDisk: source.isOnBlockSharingDisk),
                try fileSystem.status(target)
            )
        }
        guard status.byteCount == file.byteCount else {
            throw StoreError(
                .refused, "publish", of: file.source, "the file changed while it was published: publish again")
        }
        return original
    }

    @LoopActor private func hash(
        _ source: any ReadableFile, split: Bool, _ count: ProgressCounter, sharesBlocks: Bool
    ) async throws(StoreError) -> StagedFile {
        let cuts = try await onPool { () throws(StoreError) in
            try doing("publish") { () throws(FileError) -> (plan: CutPlan, remark: String?) in
                try cutting.plan(source, byteCount: file.byteCount)
            }
        }
        async let rest: Result<Digest?, StoreError>? = split ? hashWhole(source) : nil
        let cutter = FileCutter(cuts.plan, cutting.sizes)
        let hashing = try await onPool { () throws(StoreError) in
            try run(
                FileHashing(cutter: cutter, into: ChunkList(), includesWhole: !split, byteCount: file.byteCount),
                source, count)
        }
        guard let digest = try await rest?.get() ?? hashing.whole else {
            preconditionFailure("\(target) was not hashed whole")
        }
        return StagedFile(
            path: file.path, byteCount: file.byteCount, digest: digest, chunks: hashing.sink?.chunks ?? [],
            sharesBlocks: sharesBlocks,
            remark: cuts.remark.map { PublishPlan.Remark(path: file.path.text, text: $0) })
    }

    @LoopActor private func hashWhole(_ source: any ReadableFile) async -> Result<Digest?, StoreError> {
        do throws(StoreError) {
            return .success(
                try await onPool { () throws(StoreError) in
                    let hashing = FileHashing(
                        cutter: nil, into: ChunkList(), includesWhole: true, byteCount: file.byteCount)
                    return try run(hashing, source, nil).whole
                })
        } catch {
            return .failure(error)
        }
    }

    private func run(
        _ start: FileHashing<ChunkList>, _ source: any ReadableFile, _ count: ProgressCounter?
    ) throws(StoreError) -> FileHashing<ChunkList> {
        try doing("publish") { () throws(FileError) in
            var hashing = start
            _ = try hashing.advance(source, count)
            return hashing
        }
    }
}

/// What was copied, as it was right before.
private struct Original: Sendable {
    let file: OutsideFile
    let before: FileStatus
    let method: CopyMethod
    /// A network's file system may answer from what this machine remembers of the file.
    let isOnLocalDisk: Bool

    /// True if the copy has its bytes without having been read, and a later change would show: times of change are a
    /// tick of the kernel's clock coarse, so what changed just now may change again without a trace.
    var isAlike: Bool {
        let now = Clock.wallTime().secondsSince1970
        let latest = max(before.modifiedNanoseconds, before.changedNanoseconds) / 1_000_000_000
        return method == .sharedBlocks && isOnLocalDisk && now - latest > Self.settledSeconds
    }

    /// A shared copy has what was still to be written written first and the pages protected, so that a later change
    /// through a mapping changes the times, too.
    func isUnchanged() throws(StoreError) -> Bool {
        let after = try doing("publish") { () throws(FileError) in try file.status() }
        return after.byteCount == before.byteCount && after.modifiedNanoseconds == before.modifiedNanoseconds
            && after.changedNanoseconds == before.changedNanoseconds
    }

    private static let settledSeconds: Int64 = 2
}
