/// A number of bytes. Never negative.
public struct ByteCount: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// The number itself.
    public let value: Int64

    /// - Precondition: `value` is not negative.
    @inlinable public init(_ value: some BinaryInteger) {
        precondition(value >= 0, "a negative number of bytes: \(value)")
        self.value = Int64(value)
    }

    /// - Precondition: the literal is not negative.
    public init(integerLiteral value: Int64) { self.init(value) }

    /// As an array's count. Sizes that do not fit do not exist on the 64-bit machines that Shoal runs on.
    public var int: Int { Int(value) }

    /// The number alone, without a unit.
    public var description: String { String(value) }

    /// The smaller number first.
    public static func < (left: ByteCount, right: ByteCount) -> Bool { left.value < right.value }
    /// Traps where it would overflow.
    public static func + (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.value + right.value) }
    /// - Precondition: `right` is no more than `left`.
    public static func - (left: ByteCount, right: ByteCount) -> ByteCount { ByteCount(left.value - right.value) }
    /// Traps where it would overflow.
    public static func += (left: inout ByteCount, right: ByteCount) { left = left + right }
    /// - Precondition: `right` is no more than `left`.
    public static func -= (left: inout ByteCount, right: ByteCount) { left = left - right }
}

/// A place in a file, in bytes from its start.
public struct ByteOffset: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Bytes from the start.
    public let value: Int64

    /// - Precondition: `value` is not negative.
    @inlinable public init(_ value: some BinaryInteger) {
        precondition(value >= 0, "a negative offset: \(value)")
        self.value = Int64(value)
    }

    /// - Precondition: the literal is not negative.
    public init(integerLiteral value: Int64) { self.init(value) }

    /// The number alone, without a unit.
    public var description: String { String(value) }

    /// The place nearer to the start first.
    public static func < (left: ByteOffset, right: ByteOffset) -> Bool { left.value < right.value }
    /// The place `right` bytes further on.
    public static func + (left: ByteOffset, right: ByteCount) -> ByteOffset { ByteOffset(left.value + right.value) }
}

/// A chunk's place in its version's table of distinct chunks.
public struct ChunkIndex: Hashable, Comparable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Zero-based.
    public let value: UInt32

    /// Whether a version has such a chunk is for the caller to check.
    public init(_ value: UInt32) { self.value = value }
    /// Whether a version has such a chunk is for the caller to check.
    public init(integerLiteral value: UInt32) { self.value = value }

    /// As an array's index.
    public var int: Int { Int(value) }

    /// The number alone.
    public var description: String { String(value) }

    /// In the order of the table.
    public static func < (left: ChunkIndex, right: ChunkIndex) -> Bool { left.value < right.value }
}
