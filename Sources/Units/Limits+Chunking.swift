extension Limits {
    /// A version is cut into at most this many chunks, and more than half as many, as far as the bounds on a chunk's
    /// size allow (a file's last chunk is smaller, which adds one a file).
    public static let chunksPerVersionAim = 1_600
}
