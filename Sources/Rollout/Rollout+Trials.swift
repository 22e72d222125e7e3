public import Units

/// Which versions have proven themselves on this node, which have failed, and what may be tried.
extension Rollout {
    /// Whether a version has served its trial here, or served before there were trials.
    func isProven(_ digest: Digest) -> Bool {
        guard trials.tries[digest] == nil, !isSetAside(digest) else { return false }
        return trials.proven.contains(digest) || current?.digest == digest || history.contains { $0.digest == digest }
    }

    /// Whether it failed here, and waits for an operator.
    public func isSetAside(_ digest: Digest) -> Bool { trials.reason(of: digest) != nil }

    /// Whether so many failed in a row that only what has proven itself is switched to.
    var hasStoppedSwitching: Bool { trials.failedInARow >= Limits.rolloutFailedInARowMax }

    /// Whether a version must not be switched to, whatever the head says.
    func isBarred(_ version: RolloutVersion) -> Bool {
        if isSetAside(version.digest) || version.trial.obstacle != nil { return true }
        return hasStoppedSwitching && !version.trial.isNone && !isProven(version.digest)
    }

    /// Whether there is another version that could serve here.
    func hasOther(than digest: Digest) -> Bool {
        ranking.contains { other in
            other.digest != digest && onDisk[other.digest] != nil && !denied.contains(other.digest) && !isBarred(other)
        }
    }

    /// Whether a step towards a version may be made now. A try is counted durably before it is made.
    mutating func mayTry(_ version: RolloutVersion) -> Bool {
        if version.trial.isNone || isProven(version.digest) { return true }
        if openTry?.digest != version.digest { countTry(of: version.digest) }
        guard let openTry, openTry.digest == version.digest else { return false }
        return keptRevision >= openTry.revision
    }

    private mutating func countTry(of digest: Digest) {
        callOffTry()
        let count = trials.tries[digest, default: 0]
        guard count < Limits.rolloutTryCountMax else {
            return setAside(digest, reason: "the agent ended in each of \(count) tries of this version")
        }
        trials.tries[digest] = count + 1
        keepTrials()
        openTry = (digest, trials.revision)
    }

    /// Another version is wanted: the try proves nothing, and does not count.
    private mutating func callOffTry() {
        guard let digest = openTry?.digest else { return }
        openTry = nil
        if let count = trials.tries[digest] { trials.tries[digest] = max(0, count - 1) }
    }

    /// A version began to serve on a process.
    /// - Parameter usualTime: what a request took before; nil if that is not known.
    func newTrial(
        of digest: Digest, counts: RolloutCounts?, usualTime: Duration? = nil, now: Instant
    ) -> InstanceState.Trial? {
        guard !isProven(digest), let version = version(of: digest), !version.trial.isNone else { return nil }
        return InstanceState.Trial(
            until: now + version.trial.watch, base: counts, latency: LatencyTrial(usual: usualTime))
    }

    /// Looks at how requests fared since the switch.
    mutating func judge(_ instance: RolloutInstance, _ counts: RolloutCounts, now: Instant) {
        instances[instance]?.counts = counts
        _ = instances[instance]?.latency.note(counts)
        guard let state = instances[instance], let trial = state.trial, let digest = state.active,
            let version = version(of: digest)
        else { return }
        guard let base = trial.base, counts.requests >= base.requests, counts.errors >= base.errors else {
            instances[instance]?.trial?.base = counts
            return
        }
        let errors = counts.errors - base.errors
        let requests = max(counts.requests - base.requests, errors)
        instances[instance]?.trial?.isHeard = true
        if let stall = noteEnded(instance, counts, now: now), stall >= version.trial.stallMax {
            let seconds = Int(stall.inSeconds)
            return blame(digest, on: instance, "requests hang: none came to its end in \(seconds) s", now: now)
        }
        if errors >= Limits.rolloutErrorCountMin, Double(errors) > version.trial.errorShareMax * Double(requests) {
            return blame(digest, on: instance, "\(errors) of \(requests) requests failed after the switch", now: now)
        }
        judgeLatency(of: digest, on: instance, counts, ratioMax: version.trial.latencyRatioMax, now: now)
    }

    /// Requests of the version before that are still running would be taken for those of this one.
    private mutating func judgeLatency(
        of digest: Digest, on instance: RolloutInstance, _ counts: RolloutCounts, ratioMax: Double, now: Instant
    ) {
        guard instances[instance]?.resident.values.contains(.draining) == false,
            let reason = instances[instance]?.trial?.latency.note(counts, ratioMax: ratioMax)
        else { return }
        blame(digest, on: instance, reason, now: now)
    }

    /// For how long requests have run without one of them coming to its end; nil while none runs.
    private mutating func noteEnded(
        _ instance: RolloutInstance, _ counts: RolloutCounts, now: Instant
    ) -> Duration? {
        guard counts.inFlight > 0 else {
            instances[instance]?.trial?.ended = nil
            return nil
        }
        let count = counts.ended
        if let ended = instances[instance]?.trial?.ended, ended.count == count { return now - ended.since }
        instances[instance]?.trial?.ended = (count, now)
        return .zero
    }

    /// Trials that have lasted long enough have been stood.
    mutating func endTrials(now: Instant) {
        for instance in instances.keys.sorted() {
            guard let state = instances[instance], let trial = state.trial, trial.isOver(now: now),
                let digest = state.active
            else { continue }
            instances[instance]?.trial = nil
            prove(digest)
        }
    }

    private mutating func prove(_ digest: Digest) {
        guard !isProven(digest), !isSetAside(digest) else { return }
        if openTry?.digest == digest { openTry = nil }
        trials.tries[digest] = nil
        trials.failedInARow = 0
        noteProven(digest)
        keepTrials()
        emit(.note(.proven(digest)))
    }

    /// The version that `current` named until now: that it served here is not forgotten over a restart, however many
    /// come after it.
    mutating func rememberServed(_ version: RolloutVersion) {
        guard !version.trial.isNone, isProven(version.digest), !trials.proven.contains(version.digest) else { return }
        noteProven(version.digest)
        keepTrials()
    }

    private mutating func noteProven(_ digest: Digest) {
        if trials.proven.count >= Limits.rolloutProvenCountMax { trials.proven.removeFirst() }
        trials.proven.append(digest)
    }

    /// A version that has not proven itself is given up for good.
    mutating func setAside(_ digest: Digest, reason: String) {
        guard !isSetAside(digest) else { return }
        let reason = String(reason.unicodeScalars.prefix(Limits.rolloutReasonByteCountMax / 4))
        if openTry?.digest == digest { openTry = nil }
        trials.tries[digest] = nil
        trials.proven.removeAll { $0 == digest }
        history.removeAll { $0.digest == digest }
        failures[digest] = nil
        if trials.setAside.count >= Limits.rolloutSetAsideCountMax { trials.setAside.removeFirst() }
        trials.setAside.append(.init(digest: digest, reason: reason))
        trials.failedInARow += 1
        for instance in instances.keys where instances[instance]?.active == digest { instances[instance]?.trial = nil }
        keepTrials()
        emit(.note(.setAside(digest, reason: reason)))
        if trials.failedInARow == Limits.rolloutFailedInARowMax {
            emit(.note(.stoppedSwitching(failedInARow: trials.failedInARow)))
        }
    }

    /// An operator has looked at it. Where it still serves, since there is nothing to go back to, its trial begins
    /// anew.
    mutating func retry(_ digest: Digest?, now: Instant) {
        // What failed has its trial before it again, also where `current` names it still.
        for failed in trials.setAside where digest == nil || failed.digest == digest { trials.tries[failed.digest] = 0 }
        trials.setAside.removeAll { digest == nil || $0.digest == digest }
        for instance in instances.keys.sorted() where instances[instance]?.trial == nil {
            guard let active = instances[instance]?.active else { continue }
            let trial = newTrial(of: active, counts: instances[instance]?.counts, now: now)
            instances[instance]?.trial = trial
        }
        trials.failedInARow = 0
        if let digest { failures[digest] = nil } else { failures = [:] }
        keepTrials()
    }

    private mutating func keepTrials() {
        let wanted = Set(ranking.map(\.digest))
        trials.tries = trials.tries.filter { wanted.contains($0.key) }
        if let openTry, trials.tries[openTry.digest] == nil { self.openTry = nil }
        trials.revision += 1
        emit(.keepTrials(trials))
    }
}
