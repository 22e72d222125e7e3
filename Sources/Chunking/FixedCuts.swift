public import Units

/// A piece of one file: what one chunk covers.
public struct Cut: Hashable, Sendable {
    /// Where it begins.
    public let offset: ByteOffset
    /// How long it is; never 0.
    public let byteCount: ByteCount

    /// A piece.
    public init(offset: ByteOffset, byteCount: ByteCount) {
        self.offset = offset
        self.byteCount = byteCount
    }
}

/// Where one file is cut when all chunks but its last have one size. An empty file has no cut. Random access is O(1).
public struct FixedCuts: RandomAccessCollection, Sendable {
    /// The size of every cut but the last.
    public let chunkByteCount: ByteCount
    /// The file's length.
    public let fileByteCount: ByteCount

    /// - Precondition: `chunkByteCount` is positive and at most `Limits.chunkByteCountMax`.
    public init(fileByteCount: ByteCount, chunkByteCount: ByteCount) {
        precondition(
            chunkByteCount.value > 0 && chunkByteCount.value <= Int64(Limits.chunkByteCountMax),
            "chunks of \(chunkByteCount) bytes")
        self.fileByteCount = fileByteCount
        self.chunkByteCount = chunkByteCount
    }

    /// Always 0.
    public var startIndex: Int { 0 }

    /// How many cuts there are.
    public var endIndex: Int { Int(fileByteCount.value.dividedRoundingUp(by: chunkByteCount.value)) }

    /// The cut at `position`.
    public subscript(position: Int) -> Cut {
        precondition(position >= 0 && position < endIndex, "cut \(position) of \(endIndex)")
        let start = Int64(position) * chunkByteCount.value
        return Cut(
            offset: ByteOffset(start),
            byteCount: ByteCount(Swift.min(chunkByteCount.value, fileByteCount.value - start)))
    }
}
