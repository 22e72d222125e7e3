internal import Chunking
internal import Crypto
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
struct FileStaging {
    let fileSystem: any StoreFileSystem
    let file: PublishPlan.File
    let target: StorePath
    let chunkByteCount: ByteCount
    let owner: (user: UInt32, group: UInt32)?

    func run(_ count: ProgressCounter) throws(StoreError) -> StagedFile {
        let (method, status, hashes) = try doing("publish") { () throws(FileError) in
            let source = try OutsideFile(path: file.source)
            let method = try fileSystem.copy(from: source, to: target, mode: StorePaths.committedMode)
            if let owner { try fileSystem.setOwner(target, user: owner.user, group: owner.group) }
            let copy = try fileSystem.open(target, for: .reading)
            let status = try copy.status()
            let hashing = FileHashing(chunkByteCount: chunkByteCount)
            return (method, status, try hashing.run(copy, byteCount: status.byteCount, count))
        }
        guard status.byteCount == file.byteCount else {
            throw StoreError(
                .refused, "publish", of: file.source, "the file changed while it was published: publish again")
        }
        return StagedFile(
            path: file.path, byteCount: status.byteCount, digest: hashes.digest, chunks: hashes.chunks,
            sharesBlocks: method == .sharedBlocks)
    }
}

/// Hashes a file, and its chunks as well, in one pass.
struct FileHashing {
    /// Nil if only the whole file matters.
    let chunkByteCount: ByteCount?

    /// Blocks. Stops early, with hashes that mean nothing, once the counter is cancelled.
    func run(
        _ file: any ReadableFile, byteCount: ByteCount, _ count: ProgressCounter
    ) throws(FileError) -> (digest: Digest, chunks: [Digest]) {
        let step = chunkByteCount ?? ByteCount(Limits.storeReadByteCount)
        let cuts = FixedCuts(fileByteCount: byteCount, chunkByteCount: step)
        var buffer = [UInt8](repeating: 0, count: min(step, byteCount).int)
        var whole = SHA256Hasher()
        var chunks: [Digest] = []
        if chunkByteCount != nil { chunks.reserveCapacity(cuts.count) }
        for cut in cuts where !count.isCancelled {
            try file.read(into: &buffer, 0..<cut.byteCount.int, at: cut.offset)
            let span = unsafe buffer.span.bytes.extracting(0..<cut.byteCount.int)
            whole.update(span)
            if chunkByteCount != nil { chunks.append(SHA256.hash(span)) }
            count.add(cut.byteCount.int)
        }
        return (whole.finish(), chunks)
    }
}
