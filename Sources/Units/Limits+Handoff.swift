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

/// Bounds and times of adapters, for servers that do not speak `handoff/1`.
extension Limits {
    /// The wait before a server that did not answer is tried again; it doubles from time to time.
    public static let adapterRetryMillisecondsMin = 100
    /// The longest such wait.
    public static let adapterRetryMillisecondsMax = 5_000
    /// Between two looks at what a server serves.
    public static let adapterLookSeconds = 5
    /// One question whose answer needs no work.
    public static let adapterQuestionSeconds = 5
    /// Between two questions whether a load has come to its end.
    public static let adapterPollMilliseconds = 50
    /// Adapters of one agent.
    public static let adapterCountMax = 64
    /// Strings of a command in the configuration.
    public static let adapterArgumentCountMax = 256
    /// How long the command for a release may take: requests may have to end first.
    public static let adapterReleaseSeconds = 300
    /// A process that ends younger than this is started again later and later.
    public static let adapterYoungSeconds = 60
    /// The longest wait before a process that ended is started again.
    public static let adapterRestartMillisecondsMax = 60_000
    /// From a switch to the end of the last request on the old process, unless the configuration says otherwise.
    public static let adapterDrainSecondsDefault = 10
    /// From SIGTERM to SIGKILL, unless the configuration says otherwise.
    public static let adapterStopSecondsDefault = 10
    /// Lines of one server in the log, in a time of `adapterLineSeconds`.
    public static let adapterLineCountMax = 100
    /// See above.
    public static let adapterLineSeconds = 10
}
