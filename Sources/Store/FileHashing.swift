internal import Chunking
internal import Crypto
internal import Files
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

/// A piece of a file, in the file's order.
struct StagedChunk: Hashable, Sendable {
    let digest: Digest
    let byteCount: UInt32
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
