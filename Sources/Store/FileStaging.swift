internal import Chunking
internal import Crypto
internal import EventLoop
internal import Files
internal import Manifest
internal import Synchronization
internal import Units

/// Bytes done, over several jobs; and whether they should stop.
final class ProgressCounter: Sendable {
    private let bytes = Atomic<Int64>(0)
    private let cancelled = Atomic<Bool>(false)

    var value: ByteCount { ByteCount(bytes.load(ordering: .relaxed)) }
    var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

    func add(_ byteCount: Int) { bytes.wrappingAdd(Int64(byteCount), ordering: .relaxed) }
    func cancel() { cancelled.store(true, ordering: .relaxed) }
}

/// One file as it was staged.
struct StagedFile: Sendable {
    let path: FilePath
    let byteCount: ByteCount
    let digest: Digest
    /// The digests of its chunks, in order.
    let chunks: [Digest]
    let sharesBlocks: Bool
}

/// Copies one file into the staging folder and hashes the copy. Blocks.
struct FileStaging: Sendable {
    let fileSystem: any StoreFileSystem
    let file: PublishPlan.File
    let target: StorePath
    let owner: Owner?

    struct Owner: Sendable {
        let user: UInt32
        let group: UInt32
    }

    func copy() throws(StoreError) -> CopyMethod {
        let (method, status) = try doing("publish") { () throws(FileError) in
            let source = try OutsideFile(path: file.source)
            let method = try fileSystem.copy(from: source, to: target, mode: StorePaths.committedMode)
            if let owner { try fileSystem.setOwner(target, user: owner.user, group: owner.group) }
            return (method, try fileSystem.status(target))
        }
        guard status.byteCount == file.byteCount else {
            throw StoreError(
                .refused, "publish", of: file.source, "the file changed while it was published: publish again")
        }
        return method
    }

    func hash(_ hashing: FileHashing, _ count: ProgressCounter?) throws(StoreError) -> FileHashes {
        try doing("publish") { () throws(FileError) in
            try hashing.run(fileSystem.open(target, for: .reading), byteCount: file.byteCount, count)
        }
    }
}

/// What was asked for of a file's hashes.
struct FileHashes: Sendable {
    var whole: Digest?
    var chunks: [Digest] = []
}

/// Hashes a file, its chunks, or both in one pass.
struct FileHashing: Sendable {
    /// Nil if only the whole file matters.
    let chunkByteCount: ByteCount?
    let includesWhole: Bool

    /// Blocks. Stops early, with hashes that mean nothing, once the counter is cancelled.
    func run(
        _ file: any ReadableFile, byteCount: ByteCount, _ count: ProgressCounter?
    ) throws(FileError) -> FileHashes {
        let step = chunkByteCount ?? ByteCount(Limits.storeReadByteCount)
        let cuts = FixedCuts(fileByteCount: byteCount, chunkByteCount: step)
        var buffer = [UInt8](repeating: 0, count: min(step, byteCount).int)
        var whole = SHA256Hasher()
        var hashes = FileHashes()
        if chunkByteCount != nil { hashes.chunks.reserveCapacity(cuts.count) }
        for cut in cuts where count?.isCancelled != true {
            try file.read(into: &buffer, 0..<cut.byteCount.int, at: cut.offset)
            let span = unsafe buffer.span.bytes.extracting(0..<cut.byteCount.int)
            if includesWhole { whole.update(span) }
            if chunkByteCount != nil { hashes.chunks.append(SHA256.hash(span)) }
            count?.add(cut.byteCount.int)
        }
        if includesWhole { hashes.whole = whole.finish() }
        return hashes
    }
}

extension FileStaging {
    /// Copies, then computes all hashes in one pass, or, of a large file, those of the chunks and of the whole at the
    /// same time.
    @LoopActor func run(chunkByteCount: ByteCount, _ count: ProgressCounter) async throws(StoreError) -> StagedFile {
        let method = try await onPool { () throws(StoreError) in try copy() }
        let isLarge = file.byteCount.value > Int64(Limits.publishSplitByteCount)
        let first = FileHashing(chunkByteCount: chunkByteCount, includesWhole: !isLarge)
        async let rest: Result<FileHashes, StoreError>? = isLarge ? hashWhole() : nil
        var hashes = try await onPool { () throws(StoreError) in try hash(first, count) }
        if let whole = try await rest?.get().whole { hashes.whole = whole }
        guard let digest = hashes.whole else { preconditionFailure("\(target) was not hashed whole") }
        return StagedFile(
            path: file.path, byteCount: file.byteCount, digest: digest, chunks: hashes.chunks,
            sharesBlocks: method == .sharedBlocks)
    }

    @LoopActor private func hashWhole() async -> Result<FileHashes, StoreError> {
        do throws(StoreError) {
            return .success(
                try await onPool { () throws(StoreError) in
                    try hash(FileHashing(chunkByteCount: nil, includesWhole: true), nil)
                })
        } catch {
            return .failure(error)
        }
    }
}
