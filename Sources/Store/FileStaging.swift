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
    let chunks: [StagedChunk]
    let sharesBlocks: Bool
    let remark: PublishPlan.Remark?
}

/// A piece of a file, in the file's order.
struct StagedChunk: Hashable, Sendable {
    let digest: Digest
    let byteCount: UInt32
}

/// Copies one file into the staging folder and hashes the copy. Blocks.
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

    func planCuts() throws(StoreError) -> (plan: CutPlan, remark: String?) {
        try doing("publish") { () throws(FileError) in
            try cutting.plan(fileSystem.open(target, for: .reading), byteCount: file.byteCount)
        }
    }

    func hash(_ cutter: FileCutter?, includesWhole: Bool, _ count: ProgressCounter?) throws(StoreError) -> FileHashes {
        try doing("publish") { () throws(FileError) in
            var hashing = FileHashing(cutter: cutter, includesWhole: includesWhole, byteCount: file.byteCount)
            _ = try hashing.advance(fileSystem.open(target, for: .reading), count)
            return hashing.hashes
        }
    }
}

/// What was asked for of a file's hashes.
struct FileHashes: Sendable {
    var whole: Digest?
    var chunks: [StagedChunk] = []
}

/// Cuts and hashes a file, or hashes it whole, or both: in one pass, in pieces that stay in the processor's cache. A
/// value that goes on where it stood.
struct FileHashing: Sendable {
    private let byteCount: ByteCount
    private var offset: Int64 = 0
    private var whole: SHA256Hasher?
    private var chunks: ChunkHashing?

    /// - Parameter cutter: nil if only the whole file matters.
    init(cutter: FileCutter?, includesWhole: Bool, byteCount: ByteCount) {
        self.byteCount = byteCount
        whole = includesWhole ? SHA256Hasher() : nil
        chunks = cutter.map { ChunkHashing(cutter: $0) }
    }

    /// Reads on, at most about `byteCountMax`. Blocks.
    /// - Returns: true once all was read, or the counter was cancelled: then the hashes mean nothing.
    mutating func advance(
        _ file: any ReadableFile, byteCountMax: Int64 = .max, _ count: ProgressCounter?
    ) throws(FileError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: min(Limits.publishReadByteCount, byteCount.int))
        var done: Int64 = 0
        while offset < byteCount.value, done < byteCountMax {
            guard count?.isCancelled != true else { return true }
            let piece = Int(min(Int64(buffer.count), byteCount.value - offset))
            try file.read(into: &buffer, 0..<piece, at: ByteOffset(offset))
            let span = unsafe buffer.span.bytes.extracting(0..<piece)
            whole?.update(span)
            chunks?.absorb(span)
            offset += Int64(piece)
            done += Int64(piece)
            count?.add(piece)
        }
        return offset == byteCount.value
    }

    /// What was hashed so far.
    var hashes: FileHashes { FileHashes(whole: whole?.finish(), chunks: chunks?.chunks ?? []) }
}

/// Cuts a stream of bytes and hashes the chunks.
private struct ChunkHashing {
    private(set) var chunks: [StagedChunk] = []
    private var cutter: FileCutter
    private var hasher = SHA256Hasher()
    private var byteCount: UInt32 = 0

    init(cutter: FileCutter) { self.cutter = cutter }

    mutating func absorb(_ bytes: borrowing RawSpan) {
        var position = 0
        while position < bytes.byteCount {
            let (count, endsChunk) = cutter.advance(bytes.extracting(position..<bytes.byteCount))
            hasher.update(bytes.extracting(position..<position + count))
            position += count
            byteCount += UInt32(count)
            if endsChunk { finishChunk() }
        }
    }

    private mutating func finishChunk() {
        chunks.append(StagedChunk(digest: hasher.finish(), byteCount: byteCount))
        hasher = SHA256Hasher()
        byteCount = 0
    }
}

extension FileStaging {
    /// Copies, then cuts and hashes the copy.
    /// - Parameter split: whether the chunks and the whole are hashed by two threads at the same time, for a file that
    ///   the others would wait for.
    @LoopActor func run(split: Bool, _ count: ProgressCounter) async throws(StoreError) -> StagedFile {
        let (method, cuts) = try await onPool { () throws(StoreError) in (try copy(), try planCuts()) }
        let cutter = FileCutter(cuts.plan, cutting.sizes)
        async let rest: Result<FileHashes, StoreError>? = split ? hashWhole() : nil
        var hashes = try await onPool { () throws(StoreError) in
            try hash(cutter, includesWhole: !split, count)
        }
        if let whole = try await rest?.get().whole { hashes.whole = whole }
        guard let digest = hashes.whole else { preconditionFailure("\(target) was not hashed whole") }
        return StagedFile(
            path: file.path, byteCount: file.byteCount, digest: digest, chunks: hashes.chunks,
            sharesBlocks: method == .sharedBlocks,
            remark: cuts.remark.map { PublishPlan.Remark(path: file.path.text, text: $0) })
    }

    @LoopActor private func hashWhole() async -> Result<FileHashes, StoreError> {
        do throws(StoreError) {
            return .success(
                try await onPool { () throws(StoreError) in
                    try hash(nil, includesWhole: true, nil)
                })
        } catch {
            return .failure(error)
        }
    }
}
