/// Bounds and defaults of a switch from one version to the next.
extension Limits {
    /// How long an inference process may take to load a version, unless the configuration says otherwise.
    public static let rolloutLoadSecondsDefault = 120
    /// How long the agent may take to re-hash a version's files before the load.
    public static let rolloutVerifySecondsMax = 1_800
    /// How long an inference process may take to switch.
    public static let rolloutActivateSeconds = 10
    /// What the core waits beyond a deadline that the shell watches too, so that the shell's answer comes first.
    public static let rolloutAnswerSecondsGrace = 5
    /// The wait before the second attempt at a version that failed to load; it doubles from attempt to attempt.
    public static let rolloutRetrySecondsMin = 1
    /// The longest wait between two attempts.
    public static let rolloutRetrySecondsMax = 60
    /// Inference processes of one model on one node.
    public static let rolloutInstanceCountMax = 64
    /// Versions before the current one that a node remembers, to go back to.
    public static let rolloutHistoryCountMax = 8
    /// Versions that one inference process may hold in memory, by its own word.
    public static let rolloutResidentCountMax = 64
    /// Denied versions of one model. The table of deny records has a smaller bound.
    public static let rolloutDeniedCountMax = 65_536
    /// Length of the reason for a failure that is kept for `shoal status`.
    public static let rolloutReasonByteCountMax = 1_024
}
