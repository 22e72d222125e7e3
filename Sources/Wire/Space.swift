internal import Units

/// How many bytes of versions an agent's disk would still take: a hint for people who plan a version.
public struct Space: Hashable, Sendable {
    /// What is free beyond what is kept free, and what would be deleted for a new version, within the quota.
    public let byteCount: UInt64
    /// Whether what a new version has in common with one that is there takes no space.
    public let sharesBlocks: Bool

    /// Any numbers.
    public init(byteCount: UInt64, sharesBlocks: Bool) {
        self.byteCount = byteCount
        self.sharesBlocks = sharesBlocks
    }

    init(from reader: inout FrameReader) throws(WireError) {
        byteCount = try reader.u64("bytes")
        // Other bits are for later versions.
        sharesBlocks = try reader.u8("flags") & 1 != 0
    }

    func append(to output: inout [UInt8]) {
        output.appendBigEndian(byteCount)
        output.append(sharesBlocks ? 1 : 0)
    }
}
