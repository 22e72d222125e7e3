public import Units

/// What this node should run of one model, and each step of a switch.
///
/// Pure: events and time go in, effects come out. One event, drain all effects, next event.
///
/// Invariants: what a process serves is what it said last; at most one step is under way per process; `current` moves
/// only to what all connected processes serve (or, for a model without processes, to what is wished for and on disk).
///
/// ```
/// per process:   idle ──load──▶ loading ──loaded──▶ idle ──activate──▶ activating ──activated──▶ idle (settled)
///                  ▲               │ failed, deadline, called off           │ failed, deadline
///                  └───────────────┴────────────────────────────────────────┘   then a wait of 1 s … 60 s
/// ```
///
/// At a start of the agent feed denials first, then what is on disk, then the wish, then the processes.
public struct Rollout: Sendable {
    /// The model.
    public let model: ModelName
    /// What the configuration says.
    public let settings: RolloutSettings
    /// What the channel names, on disk or not.
    public internal(set) var desired: RolloutVersion?
    /// What the link `current` names, or will once the last `setCurrent` is carried out.
    public internal(set) var current: RolloutVersion?
    /// What `current` named before, oldest first, without what it names now.
    public internal(set) var history: [RolloutVersion]
    /// Whether the model ever had an inference process.
    public internal(set) var hadProcess: Bool

    /// What nodes go back to, by the head; the last choice if nothing that ran here can.
    var base: RolloutVersion?
    /// What must not be gone back to, though it may have run here: the rollout was halted, or has not come here yet.
    var withheld: Digest?
    var onDisk: [Digest: RolloutVersion] = [:]
    var denied: Set<Digest> = []
    var instances: [RolloutInstance: InstanceState] = [:]
    var failures: [Digest: Failure] = [:]
    /// What came of trials.
    public internal(set) var trials: RolloutTrials
    /// The version that is being tried, and the revision of `trials` that counts the try.
    var openTry: (digest: Digest, revision: UInt64)?
    /// The revision of `trials` that is durable.
    var keptRevision: UInt64
    /// What `current` and `history` were before the last move.
    var beforeMove: (current: RolloutVersion?, history: [RolloutVersion])?
    /// A move of `current` that failed and will be tried again.
    var currentMove: FailedMove?
    /// Counts events: tells what came first where the clock does not.
    var sequence: UInt64 = 0

    var clock: Instant?
    private var outbox: [RolloutEffect] = []
    private var outboxHead = 0
    private var wakeAnnounced: Instant?

    /// A model's rollout, with what was remembered over a restart.
    public init(model: ModelName, settings: RolloutSettings = .init(), restored memory: RolloutMemory = .init()) {
        self.model = model
        self.settings = settings
        current = memory.current
        let before = memory.previous.filter { $0.digest != memory.current?.digest }
        history = Array(before.suffix(Limits.rolloutHistoryCountMax))
        hadProcess = memory.hadProcess
        trials = memory.trials
        keptRevision = memory.trials.revision
        for version in history + [memory.current].compactMap(\.self) { onDisk[version.digest] = version }
    }

    /// Takes one event. Drain `nextEffect` afterwards, before the next event.
    /// - Precondition: all effects were drained, and `now` is not before the time of the event before.
    public mutating func handle(_ event: RolloutEvent, now: Instant) {
        precondition(outboxHead == outbox.count, "drain effects before the next event")
        if let clock { precondition(now >= clock, "time moved backwards: \(now) < \(clock)") }
        clock = now
        sequence += 1
        outbox.removeAll(keepingCapacity: true)
        outboxHead = 0
        if case .timerFired = event { wakeAnnounced = nil }
        take(event, now: now)
        expireSteps(now: now)
        endTrials(now: now)
        for instance in instances.keys.sorted() { steer(instance, now: now) }
        forgetSettledFailures()
        moveCurrent(now: now)
        announceWake(now: now)
        checkInvariants()
    }

    /// The next thing to do, in order; nil when all is drained.
    public mutating func nextEffect() -> RolloutEffect? {
        guard outboxHead < outbox.count else { return nil }
        defer { outboxHead += 1 }
        return outbox[outboxHead]
    }

    /// What the shell keeps over a restart.
    public var memory: RolloutMemory {
        RolloutMemory(current: current, previous: history, hadProcess: hadProcess, trials: trials)
    }

    mutating func emit(_ effect: RolloutEffect) { outbox.append(effect) }

    private mutating func take(_ event: RolloutEvent, now: Instant) {
        switch event {
        case .desired(let version): wish(for: version)
        case .guided(let base, let withheld): (self.base, self.withheld) = (base, withheld)
        case .available(let version): add(version)
        case .unavailable(let digest): onDisk[digest] = nil
        case .denied(let digest): denied.insert(digest)
        case .allowed(let digest): denied.remove(digest)
        case .setCurrentFailed(let digest, let reason): currentFailed(digest, reason: reason, now: now)
        case .timerFired: break
        case .attached(let instance, let hello): attach(instance, hello, now: now)
        case .detached(let instance, let inOrder): detach(instance, inOrder: inOrder, now: now)
        case .reported(let instance, let active, let counts): reported(instance, active: active, counts, now: now)
        case .loaded(let instance, let digest): loaded(instance, digest)
        case .loadFailed(let instance, let digest, let fault): loadFailed(instance, digest, fault, now: now)
        case .checked(let instance, let digest): checked(instance, digest)
        case .checkFailed(let instance, let digest, let fault): checkFailed(instance, digest, fault, now: now)
        case .activated(let instance, let digest): activated(instance, digest, now: now)
        case .activateFailed(let instance, let digest, let failure):
            activateFailed(instance, digest, failure, now: now)
        case .drained(let instance, let digest): drained(instance, digest)
        case .released(let instance, let digest): released(instance, digest)
        case .trialsKept(let revision): keptRevision = max(keptRevision, revision)
        case .retry(let digest): retry(digest, now: now)
        }
    }

    /// A new wish gets a fresh attempt, whatever happened to it before.
    private mutating func wish(for version: RolloutVersion?) {
        guard version != desired else { return }
        if let version, version.digest != desired?.digest { failures[version.digest] = nil }
        desired = version
        let wanted = Set(ranking.map(\.digest))
        failures = failures.filter { wanted.contains($0.key) }
    }

    /// A version that came anew (fetched again, mended) gets a fresh attempt too.
    private mutating func add(_ version: RolloutVersion) {
        if onDisk[version.digest] == nil { failures[version.digest] = nil }
        onDisk[version.digest] = version
    }

    private mutating func announceWake(now: Instant) {
        let deadlines = instances.values.flatMap { [$0.step.deadline, $0.trial?.until].compactMap(\.self) }
        let wanted = instances.isEmpty ? [] : ranking.compactMap { failures[$0.digest]?.retryAt }
        let moments = deadlines + wanted + [currentMove?.retryAt].compactMap(\.self)
        guard let next = moments.filter({ $0 > now }).min(), next != wakeAnnounced else { return }
        wakeAnnounced = next
        emit(.wakeAt(next))
    }
}
