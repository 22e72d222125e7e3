public import Units

/// What an operator allows Shoal to take of a disk.
public struct DiskLimits: Hashable, Sendable {
    /// The most that complete versions may have together; nil for no bound.
    public var quota: ByteCount?
    /// What fetching leaves free; below it versions are deleted that nobody needs.
    public var freeMin = ByteCount(Limits.diskFreeByteCountMin)
    /// Up to this, once something is deleted.
    public var freeTarget = ByteCount(Limits.diskFreeByteCountMin)

    /// The defaults.
    public init() {}
}
