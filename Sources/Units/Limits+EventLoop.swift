extension Limits {
    /// Bytes that one read from a socket may bring. One buffer of this size per process (64 KiB costs 4 to 8 %).
    public static let readBufferByteCount = 1 << 20
    /// Memory for writes that lies idle until the next one, over all streams.
    public static let spareWriteBufferByteCountMax = 2 << 20
    /// Jobs that the loop runs before it looks at its sockets again.
    public static let loopJobCountPerTurnMax = 256
    /// Connections that the kernel may hold for a listener that has not taken them yet.
    public static let listenBacklogCountMax = 511
    /// Bytes of a unix socket's path; one less than the kernel's field, for the closing NUL.
    public static let unixPathByteCountMax = 107
    /// How long a stream that is shut down may take to flush, and its peer to close.
    public static let shutdownMillisecondsMax = 2_000
    /// How long a name may take to resolve.
    public static let resolveMillisecondsMax = 5_000
    /// Addresses taken from one name's answer.
    public static let resolvedEndpointCountMax = 16
    /// Bytes of a host's name.
    public static let hostNameByteCountMax = 253
    /// Threads of the pool, one for each processor within these bounds, unless `UV_THREADPOOL_SIZE` says otherwise.
    /// More only wait for each other: one thread of the loop cannot bring what four can hash and write.
    public static let poolThreadCounts = 2...4
    /// Added to the niceness of a thread that gives way to others: it has a ninth of the share of one of them.
    public static let quietNiceness: Int32 = 10
    /// One line of what a child process writes; the rest of a longer one is dropped.
    public static let childLineByteCountMax = 16 << 10
    /// How long the outputs of a child that has ended are waited for: others may hold them open.
    public static let childOutputMillisecondsMax = 1_000
}
