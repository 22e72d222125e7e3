import Units

/// What to do next, decided anew after each event from nothing but the state.
extension Rollout {
    mutating func steer(_ instance: RolloutInstance, now: Instant) {
        guard let state = instances[instance] else { return }
        let choice = choice(for: instance, now: now)
        instances[instance]?.obstacle = nil
        switch state.step {
        case .activating: break  // It takes seconds at most; the outcome decides.
        case .loading(let digest, _, let abandoned):
            if !abandoned, choice?.digest != digest { abandon(digest, on: instance, now: now) }
        case .checking(let digest, _):
            if choice?.digest != digest { callOffCheck(of: digest, on: instance) }
        case .idle:
            releaseIdle(on: instance, except: choice?.digest)
            guard let choice else { return noteServesOn(instance) }
            if state.active != choice.digest { bring(instance, to: choice, now: now) }
        }
    }

    private mutating func bring(_ instance: RolloutInstance, to version: RolloutVersion, now: Instant) {
        guard let state = instances[instance] else { return }
        if let obstacle = obstacle(to: version, state) { return obstruct(instance, by: obstacle, state) }
        guard mayTry(version) else { return }
        let grace = Duration.seconds(Limits.rolloutAnswerSecondsGrace)
        switch state.resident[version.digest] {
        case .idle where needsCheck(version, state), .draining where needsCheck(version, state):
            instances[instance]?.step = .checking(version.digest, deadline: now + settings.checkDeadline + grace)
            emit(.check(instance, version, beside: state.active, within: settings.checkDeadline))
        case .idle, .draining:
            instances[instance]?.step = .activating(version.digest, deadline: now + settings.activateDeadline + grace)
            emit(.activate(instance, version, expecting: state.active, within: settings.activateDeadline))
        case .releasing, nil:
            instances[instance]?.resident[version.digest] = nil
            instances[instance]?.passed.remove(version.digest)
            let allowance = grace + .seconds(Limits.rolloutVerifySecondsMax)
            instances[instance]?.step = .loading(
                version.digest, deadline: now + settings.loadDeadline + allowance, abandoned: false)
            emit(.load(instance, version, within: settings.loadDeadline))
        }
    }

    private func needsCheck(_ version: RolloutVersion, _ state: InstanceState) -> Bool {
        version.trial.isCalibrated && !isProven(version.digest) && !state.passed.contains(version.digest)
    }

    private func obstacle(to version: RolloutVersion, _ state: InstanceState) -> InstanceState.Obstacle? {
        if needsCheck(version, state), !state.canCalibrate { return .calibration(version.digest) }
        let isLoaded = state.resident[version.digest].map { $0 != .releasing } ?? false
        return isLoaded || state.canLoadBeside || state.active == nil ? nil : .beside(version.digest)
    }

    private mutating func obstruct(
        _ instance: RolloutInstance, by obstacle: InstanceState.Obstacle, _ before: InstanceState
    ) {
        instances[instance]?.obstacle = obstacle
        guard before.obstacle != obstacle else { return }
        switch obstacle {
        case .beside(let digest): emit(.note(.cannotLoadBeside(instance, digest)))
        case .calibration(let digest): emit(.note(.cannotCalibrate(instance, digest)))
        }
    }

    /// The process confirms by answering the release; what it says of the calibration does not matter any more.
    private mutating func callOffCheck(of digest: Digest, on instance: RolloutInstance) {
        instances[instance]?.step = .idle
        instances[instance]?.resident[digest] = .releasing
        emit(.release(instance, digest))
        emit(.note(.abandoned(instance, digest)))
    }

    /// Calls a load off. The process confirms by answering the load; until then it gets nothing else.
    private mutating func abandon(_ digest: Digest, on instance: RolloutInstance, now: Instant) {
        guard case .loading(_, let deadline, _) = instances[instance]?.step else { return }
        instances[instance]?.step = .loading(digest, deadline: deadline, abandoned: true)
        emit(.release(instance, digest))
        emit(.note(.abandoned(instance, digest)))
    }

    /// Nil to keep: nothing is wished for yet, so only what failed goes.
    private mutating func releaseIdle(on instance: RolloutInstance, except kept: Digest?) {
        guard let state = instances[instance] else { return }
        // While the active version is on trial, the one to go back to stays where it is at hand.
        let fallback = state.trial == nil ? nil : ranking.first { $0.digest != state.active && isProven($0.digest) }
        let resident = state.resident
        for digest in resident.keys.sorted()
        where resident[digest] == .idle && digest != kept && digest != fallback?.digest
            && (kept != nil || isSetAside(digest))
        {
            instances[instance]?.resident[digest] = .releasing
            emit(.release(instance, digest))
        }
    }

    private mutating func noteServesOn(_ instance: RolloutInstance) {
        guard let active = instances[instance]?.active, denied.contains(active),
            instances[instance]?.notedDenied != active
        else { return }
        instances[instance]?.notedDenied = active
        emit(.note(.deniedServesOn(instance, active)))
    }

    /// What all connected processes serve, once none of them is under way to something else.
    private func commonVersion(now: Instant) -> RolloutVersion? {
        guard let digest = instances.values.first?.active, let version = version(of: digest) else { return nil }
        let isSettled = instances.keys.allSatisfy { instance in
            guard let state = instances[instance] else { return false }
            return state.active == digest && state.step == .idle && choice(for: instance, now: now)?.digest == digest
        }
        return isSettled ? version : nil
    }

    /// `current` follows what the processes say they serve; without any, and none promised, the wish itself.
    mutating func moveCurrent(now: Instant) {
        let isServedWithoutProcess = instances.isEmpty && !hadProcess && !settings.awaitsProcess
        let target = isServedWithoutProcess ? choiceWithoutProcess() : commonVersion(now: now)
        guard let target, target.digest != current?.digest else { return }
        if let move = currentMove, move.target.digest == target.digest, now < move.retryAt { return }
        if let current { rememberServed(onDisk[current.digest] ?? current) }
        beforeMove = (current, history)
        history.removeAll { $0.digest == target.digest }
        if let current, !isSetAside(current.digest) { history.append(current) }
        if history.count > Limits.rolloutHistoryCountMax { history.removeFirst() }
        current = target
        emit(.setCurrent(target))
    }

    /// The link stayed where it was. It is tried again, like a load.
    mutating func currentFailed(_ digest: Digest, reason: String, now: Instant) {
        guard let target = current, target.digest == digest else { return }
        let attemptCount = (currentMove?.target.digest == digest ? currentMove?.attemptCount ?? 0 : 0) + 1
        let delay = retryDelay(afterAttempts: attemptCount)
        currentMove = FailedMove(
            target: target, attemptCount: attemptCount, reason: "current could not be moved: \(reason)",
            retryAt: now + delay)
        if let beforeMove { (current, history) = beforeMove }
        emit(.note(.currentFailed(digest, reason: reason, retryAfter: delay)))
    }

    /// What every connected process serves is no failure any more.
    mutating func forgetSettledFailures() {
        guard let digest = instances.values.first?.active, failures[digest] != nil else { return }
        if instances.values.allSatisfy({ $0.active == digest && $0.step == .idle }) { failures[digest] = nil }
    }

    func checkInvariants() {
        precondition(history.count <= Limits.rolloutHistoryCountMax, "\(history.count) versions in the history")
        precondition(!history.contains { $0.digest == current?.digest }, "current is in its own history")
        precondition(denied.count <= Limits.rolloutDeniedCountMax, "\(denied.count) denied versions")
        for (instance, state) in instances {
            precondition(state.resident.count <= Limits.rolloutResidentCountMax, "\(instance) holds too much")
            guard let active = state.active else { continue }
            precondition(state.resident[active] == nil, "\(instance) keeps what it serves among the others")
        }
    }
}
