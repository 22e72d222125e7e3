internal import CLinux

/// The memory that the process allocates from.
public enum Heap {
    /// Fits it to a process that moves bytes for days: freed memory is kept for the next chunk instead of going back to
    /// the kernel, and lies on huge pages, so that a thread that gets its turn again finds it with fewer page walks.
    ///
    /// To be called once, before other threads start. Where it does nothing (another C library than glibc, no huge
    /// pages), everything works as well.
    public static func settle() { _ = clinux_settle_heap(settledByteCount) }

    /// More than an agent ever allocates.
    private static let settledByteCount = 64 << 20
}
