/// Bounds and deadlines of `Protocol/handoff.md`.
extension Limits {
    /// One line, its newline included.
    public static let handoffLineByteCountMax = 1 << 20
    /// How deep objects and arrays of a line are nested.
    public static let handoffNestingMax = 32
    /// What waits to be sent to one inference process.
    public static let handoffQueuedByteCountMax = 4 << 20
    /// Connections of inference processes, over all models.
    public static let handoffSessionCountMax = 64
    /// Connections that were refused and still hear why.
    public static let handoffRefusedCountMax = 16
    /// Requests to one inference process that have no reply yet.
    public static let handoffOutstandingCountMax = 128
    /// Versions that one inference process holds in memory, by its own word.
    public static let handoffResidentCountMax = 64
    /// From the connection to the hello.
    public static let handoffHelloSeconds = 5
    /// An inference process that is silent for so long is taken for dead.
    public static let handoffLeaseSeconds = 15
    /// From a ping or a release to its reply.
    public static let handoffReplySeconds = 5
    /// What the agent waits beyond the deadline that it gave to the process.
    public static let handoffGraceSeconds = 1
    /// Text of an error, or a name, that an inference process sends.
    public static let handoffTextByteCountMax = 1_024
}
