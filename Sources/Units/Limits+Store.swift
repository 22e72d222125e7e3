extension Limits {
    /// Files that the store holds open for serving.
    public static let openReadFileCountMax = 64
    /// Files that one fetch holds open for writing.
    public static let openWriteFileCountMax = 32
    /// What one slice of a long check reads before it looks whether it is still wanted.
    public static let checkSliceByteCountMax = 64 << 20
    /// Checks of one variant that run at the same time.
    public static let parallelSweepCount = 2
    /// Blocks of the file systems that share them, or a multiple of it: XFS and Btrfs as they are made by default.
    /// Where blocks are larger, bytes are copied.
    public static let reflinkBlockByteCount = 4_096
    /// Folders in which one fetch looks for bytes to reuse.
    public static let reuseFolderCountMax = 16
    /// Files in such a folder that are looked at.
    public static let reuseFileCountMax = 65_536
    /// Files that publishing copies and hashes at the same time.
    public static let parallelPublishCount = 4
    /// Up to this size a published file is hashed by one thread, however few files there are.
    public static let publishSplitByteCount = 1 << 20
    /// What publishing reads at a time: the two hashes and the cutter then find it in the processor's cache.
    public static let publishReadByteCount = 256 << 10
    /// The record of one complete variant.
    public static let variantRecordByteCountMax = 32 << 20
    /// `store.json`.
    public static let storeFileByteCountMax = 4 << 10
}
