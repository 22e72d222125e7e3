import Units

/// What the core knows of one connected process.
struct InstanceState: Sendable {
    /// What becomes of a version that the process has in memory and does not serve.
    enum Residence: Hashable, Sendable {
        /// No request uses it.
        case idle
        /// It was active; its last requests have not ended yet.
        case draining
        /// The process was told to let go of it.
        case releasing
    }

    /// What the process was asked and has not answered.
    enum Step: Hashable, Sendable {
        case idle
        /// `abandoned`: called off, but the process has not confirmed it.
        case loading(Digest, deadline: Instant, abandoned: Bool)
        case checking(Digest, deadline: Instant)
        case activating(Digest, deadline: Instant)
    }

    /// Why a version cannot be switched to on this process.
    enum Obstacle: Hashable, Sendable {
        /// It would have to be loaded beside the active one.
        case beside(Digest)
        /// It would have to be calibrated.
        case calibration(Digest)
    }

    /// A version that serves here for the first time.
    struct Trial: Sendable {
        let until: Instant
        /// The counts when it began, or when they began anew.
        var base: RolloutCounts?
        /// How long requests take, against the version before.
        var latency: LatencyTrial
        /// Whether the process has said since how it fares: a trial that is shorter than its pauses proves nothing
        /// before.
        var isHeard = false
        /// How many requests had come to their end when that changed last while others ran; nil while none runs.
        var ended: (count: Int, since: Instant)?

        /// Whether it has lasted long enough. While requests may hang it goes on.
        func isOver(now: Instant) -> Bool {
            let isStalling = ended.map { now - $0.since >= .seconds(Limits.handoffLeaseSeconds) } ?? false
            return isHeard && until <= now && !isStalling
        }
    }

    let canLoadBeside: Bool
    let canCalibrate: Bool
    /// What it served before is gone once another version serves.
    let loadReplaces: Bool
    /// When it connected, in `Rollout.sequence`.
    let attachedSequence: UInt64
    /// What it serves, by its own word.
    var active: Digest?
    var activeSince: Instant
    /// What else it has in memory. Never holds `active`.
    var resident: [Digest: Residence]
    var step: Step = .idle
    /// Resident versions that passed their gates here.
    var passed: Set<Digest> = []
    /// The trial of `active`; nil if it is proven.
    var trial: Trial?
    /// What it said last.
    var counts: RolloutCounts?
    /// How long requests take on `active`.
    var latency = LatencyWatch()
    var obstacle: Obstacle?
    /// The denied version for which the note was made already.
    var notedDenied: Digest?
}

extension InstanceState.Step {
    var digest: Digest? {
        switch self {
        case .idle: nil
        case .loading(let digest, _, _), .checking(let digest, _), .activating(let digest, _): digest
        }
    }

    var deadline: Instant? {
        switch self {
        case .idle: nil
        case .loading(_, let deadline, _), .checking(_, let deadline), .activating(_, let deadline): deadline
        }
    }

    var isAbandoned: Bool {
        if case .loading(_, _, let abandoned) = self { abandoned } else { false }
    }
}

/// What went wrong with a version, and when it may be tried again.
struct Failure: Sendable {
    var attemptCount: Int
    var reason: String
    var retryAt: Instant
    /// When, in `Rollout.sequence`.
    var sequence: UInt64
    /// Who failed in this round of attempts.
    var instances: Set<RolloutInstance>

    /// Whether a process must wait. One that failed waits, and so does one that connected since: it may be the
    /// restarted victim of the candidate, under a new number. The others are not held up by a stranger's failure.
    func blocks(_ instance: RolloutInstance, attachedSequence: UInt64, now: Instant) -> Bool {
        now < retryAt && (instances.contains(instance) || attachedSequence > sequence)
    }
}

/// A move of `current` that did not succeed.
struct FailedMove: Sendable {
    var target: RolloutVersion
    var attemptCount: Int
    var reason: String
    var retryAt: Instant
}

/// How long to wait after the n-th failure in a row: 1 s, 2, 4 … 60 s.
func retryDelay(afterAttempts count: Int) -> Duration {
    let doublings = min(max(count, 1) - 1, 16)
    return .seconds(min(Limits.rolloutRetrySecondsMax, Limits.rolloutRetrySecondsMin << doublings))
}
