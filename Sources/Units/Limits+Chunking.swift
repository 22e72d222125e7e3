extension Limits {
    /// A version is cut into about this many chunks at most, as far as the bounds on a chunk's average size allow.
    public static let chunksPerVersionAim = 3_200
    /// The largest average size that a publisher chooses, but for versions beyond `largeVersionByteCount`.
    public static let chunkAverageByteCountMax = 1 << 20
    /// Versions beyond this size are cut into chunks of twice `chunkAverageByteCountMax`.
    public static let largeVersionByteCount: Int64 = 512 << 30
    /// A parent's sizes are kept if its average is within this factor of the one that fits the version.
    public static let inheritedSizeFactorMax = 4
    /// The bytes that bear on a cut by content.
    public static let gearWindowByteCount = 64
    /// The header of a tensor file; a file with a longer one is cut by content.
    public static let tensorHeaderByteCountMax = 16 << 20
    /// How deep the JSON header of a safetensors file may nest.
    public static let tensorHeaderDepthMax = 16
    /// How deep arrays may nest in a GGUF file's header.
    public static let ggufArrayDepthMax = 4
    /// Dimensions of a tensor in a GGUF file.
    public static let ggufDimensionCountMax = 8
    /// Alignment of the tensors in a GGUF file, in bytes.
    public static let ggufAlignmentMax = 65_536
}
