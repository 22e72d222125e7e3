extension Limits {
    /// Files that the store holds open for serving.
    public static let openReadFileCountMax = 64
    /// Files that one fetch holds open for writing.
    public static let openWriteFileCountMax = 32
    /// What one job of a long check reads before it lets others have its thread.
    public static let checkSliceByteCountMax = 64 << 20
    /// Checks of one variant that run at the same time; the pool has other work as well.
    public static let parallelSweepCount = 2
    /// Files that publishing copies and hashes at the same time.
    public static let parallelPublishCount = 4
    /// Beyond this size a published file's chunks and its whole are hashed at the same time.
    public static let publishSplitByteCount = 1 << 20
    /// What publishing and checking read at a time.
    public static let storeReadByteCount = 1 << 20
    /// The record of one complete variant.
    public static let variantRecordByteCountMax = 32 << 20
    /// `store.json`.
    public static let storeFileByteCountMax = 4 << 10
}
