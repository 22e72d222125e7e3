/// Bounds and defaults of a switch from one version to the next.
extension Limits {
    /// How long an inference process may take to load a version, unless the configuration says otherwise.
    public static let rolloutLoadSecondsDefault = 120
    /// The longest that the configuration may allow for a load or a calibration.
    public static let rolloutDeadlineSecondsMax = 86_400
    /// How long the agent may take to re-hash a version's files before the load.
    public static let rolloutVerifySecondsMax = 1_800
    /// How long an inference process may take to run the calibration inputs, unless the configuration says otherwise.
    public static let rolloutCheckSecondsDefault = 60
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
    /// How long a version is on trial after the switch, unless its gates say otherwise.
    public static let rolloutWatchSecondsDefault = 120
    /// The longest trial that a gate may ask for.
    public static let rolloutWatchSecondsMax = 86_400
    /// The share of requests that may fail during a trial, in parts of a thousand, unless a gate says otherwise.
    public static let rolloutErrorsPerMilleDefault = 50
    /// How many times longer than before requests may take on average during a trial, unless a gate says otherwise.
    public static let rolloutLatencyRatioDefault = 2.0
    /// Requests whose times are taken together for that...
    public static let rolloutLatencyCountMin = 100
    /// ... how often in a row they must be too slow...
    public static let rolloutLatencySlowCountMax = 2
    /// ... and the least difference that says anything.
    public static let rolloutLatencyDifferenceMin = Duration.milliseconds(1)
    /// Requests that run so long during a trial without one of them coming to its end say that the version hangs,
    /// unless a gate says otherwise.
    public static let rolloutStallSecondsDefault = 60
    /// The longest time that such a gate may allow.
    public static let rolloutStallSecondsMax = 3_600
    /// Fewer failed requests than these say nothing about a version.
    public static let rolloutErrorCountMin = 3
    /// Tries of a version in which the agent ended.
    public static let rolloutTryCountMax = 3
    /// Versions of a model that fail one after the other before switching stops.
    public static let rolloutFailedInARowMax = 3
    /// Versions of one model that stood their trial, and are remembered; the oldest goes first.
    public static let rolloutProvenCountMax = 256
    /// Failed versions of one model that are remembered; the oldest goes first.
    public static let rolloutSetAsideCountMax = 256
    /// Times that a candidate is measured which is too slow for its gate.
    public static let calibrationMeasurementCountMax = 3
    /// How long a reference process may take to connect.
    public static let referenceStartSeconds = 120
    /// How long it may take to run the calibration inputs.
    public static let referenceRunSeconds = 600
    /// A file of calibration inputs or outputs.
    public static let calibrationFileByteCountMax: Int64 = 64 << 20
    /// Its header.
    public static let calibrationHeaderByteCountMax = 64 << 10
    /// Samples in it.
    public static let calibrationSampleCountMax = 4_096
    /// One sample of one tensor: what is in memory at a time.
    public static let calibrationSampleByteCountMax = 2 << 20
    /// Length of a number in a gate.
    public static let gateNumberByteCountMax = 20
    /// Length of the reason for a failure that is kept for `shoal status`.
    public static let rolloutReasonByteCountMax = 1_024
}
