internal import Units

/// Ends chunks where the content says so, so that an insertion moves the cuts near it and no other.
///
/// It is given a file's bytes from the first to the last, in pieces of any size, and holds none of them. A chunk ends
/// where the hash of its last 64 bytes is below a threshold: a low one before the average size, a high one after it, so
/// that sizes stay close to the average (`Protocol/documents.md`, section 8).
struct ContentCutter: Sendable {
    private let sizes: CutSizes
    private let numbers = Gear.numbers
    /// The hash must be below this to end a chunk that is shorter than the average.
    private let thresholdBefore: UInt64
    /// The same from the average on.
    private let thresholdAfter: UInt64

    private var hash: UInt64 = 0
    /// The bytes of the open chunk so far.
    private var length = 0

    init(_ sizes: CutSizes) {
        self.sizes = sizes
        let averageBits = Int.bitWidth - 1 - sizes.average.leadingZeroBitCount
        thresholdBefore = 1 << UInt64(64 - averageBits)
        thresholdAfter = 1 << UInt64(64 - averageBits + Self.easing)
    }

    /// How much easier, in bits, it is to end a chunk from the average size on.
    private static let easing = 2

    /// Looks at the bytes that follow.
    /// - Returns: how many of them belong to the open chunk, and whether it ends with the last of these; then the next
    ///   call begins the next chunk.
    mutating func advance(_ bytes: borrowing RawSpan) -> (byteCount: Int, endsChunk: Bool) {
        // What lies further back than the window bears on no cut.
        var position = min(bytes.byteCount, max(0, sizes.smallest - Limits.gearWindowByteCount - length))
        length += position
        let last = sizes.largest - 1
        if scan(bytes, &position, untilLength: min(sizes.smallest, last), below: 0)
            || scan(bytes, &position, untilLength: sizes.average - 1, below: thresholdBefore)
            || scan(bytes, &position, untilLength: last, below: thresholdAfter)
        {
            return finish(position)
        }
        guard position < bytes.byteCount else { return (position, false) }
        return finish(position + 1)
    }

    private mutating func finish(_ byteCount: Int) -> (byteCount: Int, endsChunk: Bool) {
        hash = 0
        length = 0
        return (byteCount, true)
    }

    /// Hashes on until the open chunk has `untilLength` bytes or is cut; true if it is.
    private mutating func scan(
        _ bytes: borrowing RawSpan, _ position: inout Int, untilLength: Int, below threshold: UInt64
    ) -> Bool {
        let count = min(bytes.byteCount - position, untilLength - length)
        guard count > 0 else { return false }
        var hash = hash
        let cut = unsafe bytes.extracting(position..<position + count).withUnsafeBytes { bytes in
            unsafe numbers.withUnsafeBufferPointer { numbers in
                unsafe Gear.firstCut(in: bytes, numbers, &hash, below: threshold)
            }
        }
        self.hash = hash
        position += cut ?? count
        length += cut ?? count
        return cut != nil
    }
}
