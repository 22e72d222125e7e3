import Units

/// A set of chunks whose words the core works on directly: `Units.ChunkSet` is for
/// handing sets over, this for choosing.
///
/// Invariant: bits beyond `capacity` are zero, and `count` is the number of ones.
struct ChunkBits: Equatable, Sendable {
    let capacity: Int
    private(set) var count = 0
    private(set) var words: [UInt64]

    init(capacity: Int) {
        self.capacity = capacity
        words = Array(repeating: 0, count: (capacity + 63) / 64)
    }

    init(_ set: ChunkSet) {
        self.init(capacity: set.capacity)
        for chunk in set.indices { insert(chunk) }
    }

    static func full(capacity: Int) -> ChunkBits {
        var bits = ChunkBits(capacity: capacity)
        for position in bits.words.indices { bits.words[position] = .max }
        if capacity % 64 != 0 { bits.words[bits.words.count - 1] = (1 << UInt64(capacity % 64)) - 1 }
        bits.count = capacity
        return bits
    }

    var isEmpty: Bool { count == 0 }
    var isFull: Bool { count == capacity }

    func contains(_ chunk: ChunkIndex) -> Bool {
        chunk.int < capacity && words[chunk.int / 64] & (1 << UInt64(chunk.int % 64)) != 0
    }

    @discardableResult
    mutating func insert(_ chunk: ChunkIndex) -> Bool {
        precondition(chunk.int < capacity, "chunk \(chunk) of \(capacity)")
        let bit: UInt64 = 1 << UInt64(chunk.int % 64)
        guard words[chunk.int / 64] & bit == 0 else { return false }
        words[chunk.int / 64] |= bit
        count += 1
        return true
    }

    @discardableResult
    mutating func remove(_ chunk: ChunkIndex) -> Bool {
        guard contains(chunk) else { return false }
        words[chunk.int / 64] &= ~(1 << UInt64(chunk.int % 64))
        count -= 1
        return true
    }

    /// Takes the members of `mask` out of that word.
    mutating func remove(_ mask: UInt64, word: Int) {
        count -= (words[word] & mask).nonzeroBitCount
        words[word] &= ~mask
    }

    /// Members that are in `other` too.
    func intersectionCount(_ other: ChunkBits) -> Int {
        var sum = 0
        for position in words.indices { sum += (words[position] & other.words[position]).nonzeroBitCount }
        return sum
    }

    /// Members that are not in `other`.
    func subtracting(_ other: ChunkBits) -> ChunkBits {
        var result = self
        result.count = 0
        for position in words.indices {
            result.words[position] &= ~other.words[position]
            result.count += result.words[position].nonzeroBitCount
        }
        return result
    }

    /// The lowest member.
    var first: ChunkIndex? {
        for (position, word) in words.enumerated() where word != 0 {
            return ChunkIndex(UInt32(position * 64 + word.trailingZeroBitCount))
        }
        return nil
    }

    /// The members in ascending order.
    var indices: [ChunkIndex] {
        var found: [ChunkIndex] = []
        found.reserveCapacity(count)
        for (position, word) in words.enumerated() where word != 0 {
            var rest = word
            while rest != 0 {
                found.append(ChunkIndex(UInt32(position * 64 + rest.trailingZeroBitCount)))
                rest &= rest - 1
            }
        }
        return found
    }

    // MARK: The wire's form

    /// `byteCount` bytes of the wire's bitmap from byte `firstByte` on; chunk i is bit `0x80 >> (i % 8)` of byte i / 8.
    func bitmap(firstByte: Int, byteCount: Int) -> [UInt8] {
        (firstByte..<firstByte + byteCount).map { byte in
            ChunkBits.reversed(UInt8(truncatingIfNeeded: words[byte / 8] >> UInt64(byte % 8 * 8)))
        }
    }

    /// Replaces the bits from `firstChunk` on. False, and nothing changes, if a bit beyond the capacity is set.
    /// - Precondition: `firstChunk` is a multiple of 8, and the bitmap ends within the last byte.
    mutating func replace(from firstChunk: Int, with bitmap: [UInt8]) -> Bool {
        let byteCount = (capacity + 7) / 8
        precondition(firstChunk % 8 == 0 && firstChunk / 8 + bitmap.count <= byteCount, "bits at \(firstChunk)")
        if firstChunk / 8 + bitmap.count == byteCount, capacity % 8 != 0, let last = bitmap.last,
            last & (0xFF >> UInt8(capacity % 8)) != 0
        {
            return false
        }
        for (offset, byte) in bitmap.enumerated() {
            let (position, place) = (firstChunk / 8 + offset).quotientAndRemainder(dividingBy: 8)
            let shift = UInt64(place * 8)
            let old = words[position]
            words[position] = old & ~(0xFF << shift) | UInt64(ChunkBits.reversed(byte)) << shift
            count += words[position].nonzeroBitCount - old.nonzeroBitCount
        }
        return true
    }

    private static func reversed(_ byte: UInt8) -> UInt8 {
        var swapped = byte >> 4 | byte << 4
        swapped = (swapped & 0xCC) >> 2 | (swapped & 0x33) << 2
        return (swapped & 0xAA) >> 1 | (swapped & 0x55) << 1
    }
}
