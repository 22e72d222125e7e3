extension Limits {
    /// A version is cut into about this many chunks, as far as the bounds on a chunk's size allow.
    public static let chunksPerVersionAim = 512
}
