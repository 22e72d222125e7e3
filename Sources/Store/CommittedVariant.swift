public import Manifest
public import Units

/// A variant that is complete on disk, by its record.
public struct CommittedVariant: Hashable, Sendable {
    /// The model that it is a version of.
    public let model: ModelName
    /// Version and variant.
    public let key: VariantKey
    /// All its files together.
    public let byteCount: ByteCount
    /// Its folder, absolute.
    public let folder: String
    /// Files whose size or time of change is not what was recorded at the commit; their chunks are not offered.
    public let suspectFiles: [FilePath]
    /// Chunks that a check found damaged; they are not offered. Kept over restarts.
    public let damaged: [ChunkIndex]
    /// Where its bytes came from.
    public let received: ReceivedBytes
    /// When all of it was last hashed; nil if that is not known.
    public let checked: WallTime?

    /// True if something about it is wrong: `shoal verify` exits 3.
    public var isDamaged: Bool { !suspectFiles.isEmpty || !damaged.isEmpty }
}

/// What there is of a variant when its fetch begins or goes on.
public struct FetchStart: Hashable, Sendable {
    /// The chunks that the variant consists of; the version may have others.
    public let needed: ChunkSet
    /// Those of them that are on disk, hashed just now.
    public let verified: ChunkSet
    /// Payload of this variant so far, over restarts.
    public let received: ReceivedBytes
}

/// What a fetch would cost.
public struct FetchPlan: Hashable, Sendable {
    /// The variant's files.
    public let byteCount: ByteCount
    /// Its chunks, each once.
    public let distinctByteCount: ByteCount
    /// What of them is found on this machine.
    public let reusedByteCount: ByteCount
    /// What it would take on the disk.
    public let spaceByteCount: ByteCount

    /// What others would have to send.
    public var transferByteCount: ByteCount { distinctByteCount - reusedByteCount }
}

/// What became of a chunk that was given to the store.
public enum ChunkVerdict: Hashable, Sendable {
    /// Its hash agrees, and it is written everywhere where it occurs. It may be announced.
    case verified
    /// The bytes are not the chunk; nothing was written. Blame the sender.
    case wrongHash
    /// It was already there, or is being written now; nothing was written.
    case duplicate
    /// The version is not being fetched (any more), or the chunk is not needed; nothing was written.
    case notWanted
    /// The disk refused. The chunk is still missing; nobody is to blame.
    case failed(StoreError)
}

/// How long the two halves of a chunk's check took, without the wait for a thread.
public struct ChunkTimes: Hashable, Sendable {
    /// The hash.
    public let hashing: Duration
    /// The writes, in the kernel or on the disk.
    public let writing: Duration
}

/// What a check of a complete variant found.
public struct VerificationReport: Hashable, Sendable {
    /// Chunks that are not what the layout says, at one of their places at least.
    public let damaged: [ChunkIndex]
    /// Files that are missing or whose size, bytes or SHA-256 is not what the manifest says.
    public let damagedFiles: [FilePath]
    /// What was read.
    public let checkedByteCount: ByteCount

    /// True if all is well.
    public var isIntact: Bool { damaged.isEmpty && damagedFiles.isEmpty }
}

/// How much of a complete variant is hashed.
public enum VerificationDepth: Hashable, Sendable {
    /// Each file against the manifest: what the gate asks for right before a load.
    case files
    /// Each chunk as well, so that damage is known exactly.
    case filesAndChunks
}
