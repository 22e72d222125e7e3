public import Units

/// One version of a model, as this node would serve it.
///
/// The digest is the identity; a node uses one variant of a version.
public struct RolloutVersion: Hashable, Sendable {
    /// The digest of the version's manifest.
    public let digest: Digest
    /// The hardware flavour that this node serves.
    public let variant: VariantName
    /// The name for people.
    public let tag: Tag?
    /// What it must stand here the first time.
    public let trial: RolloutTrial

    /// Names a version.
    public init(digest: Digest, variant: VariantName = .default, tag: Tag?, trial: RolloutTrial = .none) {
        self.digest = digest
        self.variant = variant
        self.tag = tag
        self.trial = trial
    }
}

/// One connected inference process. The shell numbers them and never uses a number twice while it runs, so what is
/// said of a process that has gone is never taken for the word of its successor.
public struct RolloutInstance: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number.
    public let number: UInt64

    /// Names an instance.
    public init(_ number: UInt64) { self.number = number }

    /// For logs: `instance 7`.
    public var description: String { "instance \(number)" }

    /// In the order of connecting.
    public static func < (left: RolloutInstance, right: RolloutInstance) -> Bool { left.number < right.number }
}

/// What an inference process said of itself when it connected.
public struct RolloutHello: Hashable, Sendable {
    /// What it serves now.
    public var active: Digest?
    /// All that it has in memory. The active one may be among them.
    public var resident: [Digest]
    /// Whether it can load a version while it serves another (`dual_load`).
    public var canLoadBeside: Bool
    /// Whether it can run calibrations (`calibrate`).
    public var canCalibrate: Bool
    /// Whether a load takes the place of what it serves, without a switch: what served before is gone then.
    public var loadReplaces: Bool

    /// A process as it describes itself.
    public init(
        active: Digest? = nil, resident: [Digest] = [], canLoadBeside: Bool = true, canCalibrate: Bool = true,
        loadReplaces: Bool = false
    ) {
        self.active = active
        self.resident = resident
        self.canLoadBeside = canLoadBeside
        self.canCalibrate = canCalibrate
        self.loadReplaces = loadReplaces
    }
}

/// What the configuration says about a model's inference processes.
public struct RolloutSettings: Hashable, Sendable {
    /// True if the configuration gives the model to an inference process: `current` then waits for its word.
    public var awaitsProcess: Bool
    /// How long a load may take, once the files are re-hashed.
    public var loadDeadline: Duration
    /// How long a calibration may take.
    public var checkDeadline: Duration
    /// How long a switch may take.
    public var activateDeadline: Duration

    /// The defaults: no process expected, 120 s, 60 s, 10 s.
    public init(
        awaitsProcess: Bool = false, loadDeadline: Duration = .seconds(Limits.rolloutLoadSecondsDefault),
        checkDeadline: Duration = .seconds(Limits.rolloutCheckSecondsDefault),
        activateDeadline: Duration = .seconds(Limits.rolloutActivateSeconds)
    ) {
        self.awaitsProcess = awaitsProcess
        self.loadDeadline = loadDeadline
        self.checkDeadline = checkDeadline
        self.activateDeadline = activateDeadline
    }
}

/// What the node remembers of a model over a restart of its agent. The shell keeps it durably.
public struct RolloutMemory: Hashable, Sendable {
    /// What the link `current` names. It is taken to be on disk until `.unavailable` says otherwise.
    public var current: RolloutVersion?
    /// What `current` named before, oldest first; taken to be on disk like `current`.
    public var previous: [RolloutVersion]
    /// Whether an inference process ever connected for this model (see `RolloutEffect.rememberProcess`).
    public var hadProcess: Bool
    /// What came of trials.
    public var trials: RolloutTrials

    /// Nothing is remembered unless given.
    public init(
        current: RolloutVersion? = nil, previous: [RolloutVersion] = [], hadProcess: Bool = false,
        trials: RolloutTrials = .init()
    ) {
        self.current = current
        self.previous = previous
        self.hadProcess = hadProcess
        self.trials = trials
    }
}
