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

/// Where the hashes of a file's chunks go.
protocol ChunkSink: Sendable {
    mutating func take(_ digest: Digest, at offset: Int64, byteCount: UInt32)
}

/// All of them.
struct ChunkList: ChunkSink {
    private(set) var chunks: [StagedChunk] = []

    mutating func take(_ digest: Digest, at offset: Int64, byteCount: UInt32) {
        chunks.append(StagedChunk(digest: digest, byteCount: byteCount))
    }
}

/// Cuts and hashes a file, or hashes it whole, or both: in one pass, in pieces that stay in the processor's cache. It
/// goes on where it stood.
struct FileHashing<Sink: ChunkSink>: Sendable {
    private let byteCount: ByteCount
    private var offset: Int64 = 0
    private var wholeHasher: SHA256Hasher?
    private var chunks: ChunkHashing<Sink>?

    /// - Parameter cutter: nil if only the whole file matters.
    init(cutter: FileCutter?, into sink: Sink, includesWhole: Bool, byteCount: ByteCount) {
        self.byteCount = byteCount
        wholeHasher = includesWhole ? SHA256Hasher() : nil
        chunks = cutter.map { ChunkHashing(cutter: $0, sink: sink) }
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
            wholeHasher?.update(span)
            chunks?.absorb(span)
            offset += Int64(piece)
            done += Int64(piece)
            count?.add(piece)
        }
        return offset == byteCount.value
    }

    /// The hash of all that was read; nil unless it was asked for.
    var whole: Digest? { wholeHasher?.finish() }

    /// What the chunks were given to.
    var sink: Sink? { chunks?.sink }
}

/// Cuts a stream of bytes and hashes the chunks.
private struct ChunkHashing<Sink: ChunkSink>: Sendable {
    private(set) var sink: Sink
    private var cutter: FileCutter
    private var hasher = SHA256Hasher()
    private var start: Int64 = 0
    private var byteCount: UInt32 = 0

    init(cutter: FileCutter, sink: Sink) {
        self.cutter = cutter
        self.sink = sink
    }

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
        sink.take(hasher.finish(), at: start, byteCount: byteCount)
        hasher = SHA256Hasher()
        start += Int64(byteCount)
        byteCount = 0
    }
}
