/// Every bound of the system, by name, with its unit last. Targets add theirs in files called `Limits+<Target>.swift`.
public enum Limits {
    /// One part of a name, a tag, a channel, a node's name.
    public static let namePartByteCountMax = 64
    /// A model's whole name.
    public static let modelNameByteCountMax = 128
    /// The largest chunk.
    public static let chunkByteCountMax = 4 << 20
    /// The smallest fixed chunk size, and the smallest average where content decides the cuts: single chunks may be
    /// smaller.
    public static let chunkByteCountMin = 16 << 10
    /// Distinct chunks of a version in which content decides the cuts.
    public static let chunkCountMax = 1_048_576
    /// Distinct chunks of a version that is cut at a fixed size.
    public static let fixedChunkCountMax = 262_144
    /// Payload of one data frame.
    public static let dataFrameByteCount = 16 << 10
    /// A signed head or deny record with its envelope.
    public static let smallDocumentByteCountMax = 4 << 10
    /// A signed root with its envelope.
    public static let rootByteCountMax = 64 << 10
    /// A signed manifest with its envelope.
    public static let manifestByteCountMax = 4 << 20
    /// A layout.
    public static let layoutByteCountMax = 48 << 20
    /// Files of a version, over all variants.
    public static let fileCountMax = 16_384
    /// Bytes of chunks that wait in memory for their hash, over all versions.
    public static let unverifiedByteCountMax = 32 << 20
    /// Models that one agent knows.
    public static let modelCountMax = 4_096
    /// Channels of one model.
    public static let channelCountPerModelMax = 64
    /// Port that an agent listens on unless told otherwise.
    public static let defaultPort: UInt16 = 7447
}
