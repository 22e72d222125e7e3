internal import CLinux

/// The memory that the process allocates from.
public enum Heap {
    /// Fits it to a process that moves chunks for days: a buffer that is freed is there for the next chunk, instead of
    /// going back to the kernel and coming again as fresh pages, whichever thread asks.
    ///
    /// To be called first of all, on the main thread. Where the C library does not take it, everything works without.
    public static func settle() { _ = clinux_settle_heap(keptByteCount) }

    /// Some chunks of the largest size.
    private static let keptByteCount: Int32 = 32 << 20
}
