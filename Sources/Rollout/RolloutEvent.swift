public import Units

/// What happened, as the shell tells it to a `Rollout`.
public enum RolloutEvent: Hashable, Sendable {
    /// The followed channel names this version now (or: `get` fetched it last); nil if nothing is wished for.
    /// The version need not be on disk yet. The same wish again changes nothing.
    case desired(RolloutVersion?)
    /// What the head says beside the wish: what nodes go back to, on disk or not; and the version that it names where
    /// this node may not run that now, since its ring has to wait or the rollout is halted. Comes before `desired`.
    case guided(base: RolloutVersion?, withheld: Digest?)
    /// A version is complete and durable on this node.
    case available(RolloutVersion)
    /// A version is on disk no more, or is damaged there.
    case unavailable(Digest)
    /// A version must not be switched to.
    case denied(Digest)
    /// The denial was lifted.
    case allowed(Digest)
    /// An inference process connected.
    case attached(RolloutInstance, RolloutHello)
    /// It is gone: it said goodbye, or it closed, died, or was silent for too long.
    case detached(RolloutInstance, inOrder: Bool)
    /// It said, unasked, what it serves (health, ping), and how its requests fare, if it counts them.
    case reported(RolloutInstance, active: Digest?, RolloutCounts?)
    /// A load succeeded.
    case loaded(RolloutInstance, Digest)
    /// A load failed, in the process or before it (the re-hash).
    case loadFailed(RolloutInstance, Digest, RolloutFault)
    /// A version passed its gates.
    case checked(RolloutInstance, Digest)
    /// A version did not pass, or could not be calibrated.
    case checkFailed(RolloutInstance, Digest, RolloutFault)
    /// A switch succeeded.
    case activated(RolloutInstance, Digest)
    /// A switch failed.
    case activateFailed(RolloutInstance, Digest, RolloutActivateFailure)
    /// No request uses the version any more.
    case drained(RolloutInstance, Digest)
    /// The process holds nothing of the version any more.
    case released(RolloutInstance, Digest)
    /// `current` could not be moved to this version.
    case setCurrentFailed(Digest, reason: String)
    /// The trials of this revision are durable.
    case trialsKept(revision: UInt64)
    /// An operator wants a version tried again; nil: whatever failed of this model.
    case retry(Digest?)
    /// The moment of the last `wakeAt` has come. A call too many does no harm.
    case timerFired
}

/// Why a switch failed.
public enum RolloutActivateFailure: Hashable, Sendable {
    /// The process serves something else than was expected; this is what.
    case conflict(active: Digest?)
    /// The version is not in the process's memory (any more).
    case notResident
    /// Anything else.
    case other(RolloutFault)
}
