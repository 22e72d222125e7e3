/// Memory for bulk bytes that is filled from its start, handed on whole, and used again: nothing is zeroed or copied.
///
/// One owner at a time: whoever hands a buffer on touches it no more until it comes back. That is why it may go to
/// another thread.
@safe public final class RawBuffer: @unchecked Sendable {
    /// How many bytes fit.
    public let capacity: Int
    /// How many bytes it holds, from its start.
    public private(set) var count = 0
    /// How many bytes its present user means it to hold.
    public private(set) var limit: Int

    private let base: UnsafeMutableRawPointer

    /// An empty buffer.
    public init(capacity: Int) {
        precondition(capacity > 0, "a buffer of \(capacity) bytes")
        self.capacity = capacity
        limit = capacity
        unsafe base = .allocate(byteCount: capacity, alignment: 64)
    }

    /// A buffer with these bytes.
    public convenience init(_ bytes: [UInt8]) {
        self.init(capacity: max(1, bytes.count))
        limit = bytes.count
        unsafe bytes.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
        didFill(bytes.count)
    }

    deinit { unsafe base.deallocate() }

    /// True once it holds what it is meant to.
    public var isFull: Bool { count == limit }

    /// Empties it, for `limit` bytes.
    public func reset(limit: Int) {
        precondition((0...capacity).contains(limit), "\(limit) bytes in a buffer of \(capacity)")
        self.limit = limit
        count = 0
    }

    /// Where the next bytes go, up to the limit; say `didFill` afterwards. Good until the buffer is handed on.
    @unsafe public var room: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: base + count, count: limit - count)
    }

    /// Bytes were put into `room`.
    public func didFill(_ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= limit - count, "\(byteCount) bytes more of \(limit), with \(count)")
        count += byteCount
    }

    /// What it holds. Good until the buffer changes or is handed on.
    @unsafe public var contents: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count)
    }
}

/// Buffers that wait to be used again, up to a bound; beyond it memory goes back. Confined to its owner.
public final class RawBufferPool {
    private var idle: [RawBuffer] = []
    private var idleByteCount = 0
    private let idleByteCountMax: Int

    /// - Parameter idleByteCountMax: what may lie idle at most.
    public init(idleByteCountMax: Int) { self.idleByteCountMax = idleByteCountMax }

    /// An empty buffer for `limit` bytes: the one given back last that is neither too small nor far too large, or a
    /// new one.
    public func take(limit: Int) -> RawBuffer {
        let fitting = idle.lastIndex { $0.capacity >= limit && $0.capacity <= max(4 * limit, Self.grain) }
        let buffer: RawBuffer
        if let fitting {
            buffer = idle.remove(at: fitting)
            idleByteCount -= buffer.capacity
        } else {
            buffer = RawBuffer(capacity: max(1, (limit + Self.grain - 1) / Self.grain) * Self.grain)
        }
        buffer.reset(limit: limit)
        return buffer
    }

    /// Takes a buffer back that nobody else uses any more.
    public func giveBack(_ buffer: RawBuffer) {
        guard buffer.capacity <= idleByteCountMax else { return }
        idle.append(buffer)
        idleByteCount += buffer.capacity
        // The oldest go: their size is not what is wanted now.
        while idleByteCount > idleByteCountMax { idleByteCount -= idle.removeFirst().capacity }
    }

    /// Lets go of all that lie idle.
    public func clear() {
        idle.removeAll()
        idleByteCount = 0
    }

    /// Sizes are multiples of it, so that buffers fit again.
    private static let grain = 64 << 10
}
