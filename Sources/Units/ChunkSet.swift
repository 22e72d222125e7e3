/// A set of chunks of one version: one bit a chunk.
///
/// Invariant: bits beyond `capacity` are zero, and `count` is the number of ones.
public struct ChunkSet: Hashable, Sendable {
    /// How many chunks the version has.
    public let capacity: Int
    /// How many of them are in the set.
    public private(set) var count: Int
    private var words: [UInt64]

    /// The empty set over a version of `capacity` chunks.
    public init(capacity: Int) {
        precondition(capacity >= 0 && capacity <= Limits.chunkCountMax, "a version of \(capacity) chunks")
        self.capacity = capacity
        count = 0
        words = Array(repeating: 0, count: (capacity + 63) / 64)
    }

    /// All chunks of a version.
    public static func full(capacity: Int) -> ChunkSet {
        var set = ChunkSet(capacity: capacity)
        for index in 0..<UInt32(capacity) { set.insert(ChunkIndex(index)) }
        return set
    }

    /// True if nothing is missing.
    public var isFull: Bool { count == capacity }

    /// True if nothing is in it.
    public var isEmpty: Bool { count == 0 }

    /// O(1). An index beyond the capacity is in no set.
    public func contains(_ index: ChunkIndex) -> Bool {
        index.int < capacity && words[index.int / 64] & (1 << UInt64(index.int % 64)) != 0
    }

    /// Adds `index`; true if it was not there before.
    /// - Precondition: `index` is below the capacity.
    @discardableResult
    public mutating func insert(_ index: ChunkIndex) -> Bool {
        precondition(index.int < capacity, "chunk \(index) of \(capacity)")
        guard !contains(index) else { return false }
        words[index.int / 64] |= 1 << UInt64(index.int % 64)
        count += 1
        return true
    }

    /// Takes `index` out; true if it was there.
    @discardableResult
    public mutating func remove(_ index: ChunkIndex) -> Bool {
        guard contains(index) else { return false }
        words[index.int / 64] &= ~(1 << UInt64(index.int % 64))
        count -= 1
        return true
    }

    /// True if all of `other`'s chunks are in it.
    /// - Precondition: both are of one version.
    public func isSuperset(of other: ChunkSet) -> Bool {
        precondition(capacity == other.capacity, "sets of \(capacity) and \(other.capacity) chunks")
        return words.indices.allSatisfy { words[$0] | other.words[$0] == words[$0] }
    }

    /// The members in ascending order.
    public var indices: [ChunkIndex] {
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

    /// The chunks that are not in the set, in ascending order.
    public var missing: [ChunkIndex] {
        (0..<UInt32(capacity)).map { ChunkIndex($0) }.filter { !contains($0) }
    }

    /// The wire's form of the whole set: chunk i is bit `0x80 >> (i % 8)` of byte i / 8; unused bits are zero.
    public var bitmap: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (capacity + 7) / 8)
        for index in indices { bytes[index.int / 8] |= 0x80 >> UInt8(index.int % 8) }
        return bytes
    }

    /// Nil if `bitmap` has the wrong length for `capacity` or a bit set beyond it.
    public init?(bitmap: some Collection<UInt8>, capacity: Int) {
        guard capacity >= 0, capacity <= Limits.chunkCountMax, bitmap.count == (capacity + 7) / 8 else { return nil }
        self.init(capacity: capacity)
        for (position, byte) in bitmap.enumerated() where byte != 0 {
            for bit in 0..<8 where byte & (0x80 >> UInt8(bit)) != 0 {
                let index = position * 8 + bit
                guard index < capacity else { return nil }
                insert(ChunkIndex(UInt32(index)))
            }
        }
    }
}
