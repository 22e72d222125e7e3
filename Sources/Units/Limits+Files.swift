extension Limits {
    /// Bytes of one component of a path: what Linux file systems allow.
    public static let fileNameByteCountMax = 255
    /// Bytes of a path beneath a store's folder: what one call to Linux allows, without the closing NUL.
    public static let storePathByteCountMax = 4_095
    /// Bytes that one step of a copy moves where the disk does not share blocks.
    public static let copyStepByteCount = 1 << 20
}
