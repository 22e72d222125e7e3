public import Units

/// What the shell must do next, in the order given.
public enum RolloutEffect: Hashable, Sendable {
    /// Re-hash the version's files, then have the process load them within the time given.
    /// Answer: `.loaded` or `.loadFailed`, also when the re-hash fails (then `.unavailable` as well).
    case load(RolloutInstance, RolloutVersion, within: Duration)
    /// Have the process run the calibration inputs on a version that it has loaded, beside the one that it serves, and
    /// judge what comes out. Answer: `.checked` or `.checkFailed`. A release calls it off; it needs no answer then.
    case check(RolloutInstance, RolloutVersion, beside: Digest?, within: Duration)
    /// Have the process switch, if it serves what is expected. Answer: `.activated` or `.activateFailed`.
    case activate(RolloutInstance, RolloutVersion, expecting: Digest?, within: Duration)
    /// Have the process let go of a version. If a load of it has not been sent yet, do not send it and answer the
    /// load with `.loadFailed`. Answer: `.released`, in the process's own time.
    case release(RolloutInstance, Digest)
    /// Move the link `current`. Moves are carried out one after the other. Answer only on failure: `.setCurrentFailed`.
    case setCurrent(RolloutVersion)
    /// Remember durably that this model has had an inference process (`RolloutMemory.hadProcess`).
    case rememberProcess
    /// Make this durable. Only the newest counts. Answer: `.trialsKept`, once it is; until then nothing new is tried.
    case keepTrials(RolloutTrials)
    /// Send `.timerFired` at this moment. A new one replaces the one before.
    case wakeAt(Instant)
    /// For the log.
    case note(RolloutNote)
}

/// What is worth a line in the log.
public enum RolloutNote: Hashable, Sendable {
    /// A process serves this version from now on, instead of the other one.
    case serving(RolloutInstance, Digest, insteadOf: Digest?)
    /// A candidate failed; what was served before still is. The next attempt is after the wait given.
    case failed(RolloutInstance, Digest, reason: String, retryAfter: Duration)
    /// A version failed its trial; it is not tried again until an operator says so.
    case setAside(Digest, reason: String)
    /// A version stood its trial.
    case proven(Digest)
    /// So many versions failed one after the other that none is switched to any more, until an operator says so.
    case stoppedSwitching(failedInARow: Int)
    /// A load that is not wanted any more was called off.
    case abandoned(RolloutInstance, Digest)
    /// The process cannot load a version while it serves one; it must be restarted to get this one.
    case cannotLoadBeside(RolloutInstance, Digest)
    /// The process cannot run calibrations, and the version must not serve without.
    case cannotCalibrate(RolloutInstance, Digest)
    /// The served version is denied, and there is none to go back to.
    case deniedServesOn(RolloutInstance, Digest)
    /// `current` could not be moved; the next attempt is after the wait given.
    case currentFailed(Digest, reason: String, retryAfter: Duration)
}
