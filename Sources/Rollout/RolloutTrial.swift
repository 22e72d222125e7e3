public import Units

/// What a version must stand on a node that it never served on, as far as the state machine has to know.
public struct RolloutTrial: Hashable, Sendable {
    /// Whether a process runs the calibration inputs on it before it may serve.
    public var isCalibrated: Bool
    /// How long it is looked at after the switch.
    public var watch: Duration
    /// The share of requests that may fail in that time, 0 to 1.
    public var errorShareMax: Double
    /// How many times longer than those of the version before requests may take on average in that time.
    public var latencyRatioMax: Double
    /// How long requests may run in that time without one of them coming to its end.
    public var stallMax: Duration
    /// Why it must not serve here at all, such as a gate that this agent does not understand; nil if it may.
    public var obstacle: String?

    /// A trial.
    public init(
        isCalibrated: Bool, watch: Duration, errorShareMax: Double,
        latencyRatioMax: Double = Limits.rolloutLatencyRatioDefault,
        stallMax: Duration = .seconds(Limits.rolloutStallSecondsDefault), obstacle: String? = nil
    ) {
        self.isCalibrated = isCalibrated
        self.watch = watch
        self.errorShareMax = errorShareMax
        self.latencyRatioMax = latencyRatioMax
        self.stallMax = stallMax
        self.obstacle = obstacle
    }

    /// Nothing to stand.
    public static let none = RolloutTrial(isCalibrated: false, watch: .zero, errorShareMax: 1)

    var isNone: Bool { !isCalibrated && watch == .zero && obstacle == nil }
}

/// What a node remembers of trials, durably: a version that failed must not be tried again after a restart, and one
/// that takes the node down with it must not be tried for ever.
public struct RolloutTrials: Hashable, Sendable {
    /// A version that failed, and why.
    public struct Failed: Hashable, Sendable {
        /// The version.
        public let digest: Digest
        /// For people.
        public let reason: String

        /// A failed version.
        public init(digest: Digest, reason: String) {
            self.digest = digest
            self.reason = reason
        }
    }

    /// Tries of versions that have not stood their trial, begun or about to begin. 0: called off, neither stood nor
    /// failed.
    public var tries: [Digest: Int]
    /// In the order of failing; not tried again until an operator says so.
    public var setAside: [Failed]
    /// Versions that stood their trial; the latest last.
    public var proven: [Digest]
    /// Versions set aside since the last one that stood its trial.
    public var failedInARow: Int
    /// Counts changes.
    public var revision: UInt64

    /// Nothing is remembered unless given.
    public init(
        tries: [Digest: Int] = [:], setAside: [Failed] = [], proven: [Digest] = [], failedInARow: Int = 0,
        revision: UInt64 = 0
    ) {
        self.tries = tries
        self.setAside = setAside
        self.proven = proven
        self.failedInARow = failedInARow
        self.revision = revision
    }

    func reason(of digest: Digest) -> String? { setAside.first { $0.digest == digest }?.reason }
}

/// Why a step failed.
public struct RolloutFault: Hashable, Sendable {
    /// For people.
    public let reason: String
    /// True if the version is to blame; false if the same step may succeed later.
    public let isTheVersions: Bool

    /// A fault.
    public init(_ reason: String, isTheVersions: Bool) {
        self.reason = reason
        self.isTheVersions = isTheVersions
    }
}

/// Requests of a process since it started, from when they begin.
public struct RolloutCounts: Hashable, Sendable {
    /// All of them.
    public var requests: Int
    /// Those that failed.
    public var errors: Int
    /// Those that run now.
    public var inFlight: Int
    /// What those took, all together, that came to their end; nil where it is not told.
    public var busy: Duration?

    /// Counts, 0 or more.
    public init(requests: Int, errors: Int, inFlight: Int = 0, busy: Duration? = nil) {
        self.requests = requests
        self.errors = errors
        self.inFlight = inFlight
        self.busy = busy
    }

    /// Those that came to their end.
    var ended: Int { requests - inFlight }
}
