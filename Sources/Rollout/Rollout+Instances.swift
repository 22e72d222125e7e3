import Units

/// What the processes say.
extension Rollout {
    mutating func attach(_ instance: RolloutInstance, _ hello: RolloutHello, now: Instant) {
        precondition(instances[instance] == nil, "\(instance) is connected already")
        precondition(instances.count < Limits.rolloutInstanceCountMax, "\(instances.count) instances of \(model)")
        var resident: [Digest: InstanceState.Residence] = [:]
        for digest in hello.resident.prefix(Limits.rolloutResidentCountMax) where digest != hello.active {
            resident[digest] = .idle
        }
        instances[instance] = InstanceState(
            canLoadBeside: hello.canLoadBeside, canCalibrate: hello.canCalibrate, loadReplaces: hello.loadReplaces,
            attachedSequence: sequence, active: hello.active, activeSince: now, resident: resident,
            trial: hello.active.flatMap { newTrial(of: $0, counts: nil, now: now) })
        if !hadProcess {
            hadProcess = true
            emit(.rememberProcess)
        }
    }

    /// Dying in the middle of a step or of a trial counts as its failure: the candidate may be what kills it.
    mutating func detach(_ instance: RolloutInstance, inOrder: Bool, now: Instant) {
        guard let state = instances.removeValue(forKey: instance), !inOrder else { return }
        // What serves and is not proven is more likely to have ended it than what is being loaded beside.
        if let digest = state.active, state.trial != nil || isSetAside(digest) {
            return blame(digest, on: instance, "the process ended soon after it switched to this version", now: now)
        }
        switch state.step {
        case .loading(let digest, _, abandoned: false):
            blame(digest, on: instance, "the process ended while it loaded this version", now: now)
        case .checking(let digest, _):
            blame(digest, on: instance, "the process ended while it calibrated this version", now: now)
        case .activating(let digest, _):
            blame(digest, on: instance, "the process ended while it switched to this version", now: now)
        case .idle, .loading: break
        }
    }

    mutating func reported(_ instance: RolloutInstance, active: Digest?, _ counts: RolloutCounts?, now: Instant) {
        reported(instance, active: active, now: now)
        if let counts { judge(instance, counts, now: now) } else { instances[instance]?.trial?.isHeard = true }
    }

    private mutating func reported(_ instance: RolloutInstance, active: Digest?, now: Instant) {
        guard let state = instances[instance], state.active != active else { return }
        if active == nil, let old = state.active {
            // It serves nothing any more: what became of the old version is not known, so it is not counted on.
            instances[instance]?.active = nil
            instances[instance]?.trial = nil
            instances[instance]?.resident[old] = nil
        } else if let active {
            if case .activating(active, _) = state.step { instances[instance]?.step = .idle }
            serve(active, on: instance, now: now)
        }
    }

    mutating func loaded(_ instance: RolloutInstance, _ digest: Digest) {
        guard case .loading(digest, _, let abandoned) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        if !abandoned, instances[instance]?.active != digest { keep(digest, .idle, on: instance) }
    }

    mutating func loadFailed(_ instance: RolloutInstance, _ digest: Digest, _ fault: RolloutFault, now: Instant) {
        guard case .loading(digest, _, let abandoned) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        if !abandoned { fail(digest, on: instance, fault, now: now) }
    }

    mutating func checked(_ instance: RolloutInstance, _ digest: Digest) {
        guard case .checking(digest, _) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        instances[instance]?.passed.insert(digest)
    }

    mutating func checkFailed(_ instance: RolloutInstance, _ digest: Digest, _ fault: RolloutFault, now: Instant) {
        guard case .checking(digest, _) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        // What a gate keeps out does not serve, though there be nothing else to serve.
        guard !fault.isTheVersions else { return setAside(digest, reason: fault.reason) }
        fail(digest, on: instance, fault, now: now)
    }

    mutating func activated(_ instance: RolloutInstance, _ digest: Digest, now: Instant) {
        guard case .activating(digest, _) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        serve(digest, on: instance, now: now)
    }

    mutating func activateFailed(
        _ instance: RolloutInstance, _ digest: Digest, _ failure: RolloutActivateFailure, now: Instant
    ) {
        guard case .activating(digest, _) = instances[instance]?.step else { return }
        instances[instance]?.step = .idle
        switch failure {
        case .conflict(let active):
            reported(instance, active: active, now: now)
            guard active != digest else { return }
            let served = active.map { "it serves \($0.short)" } ?? "it serves nothing"
            let reason = "the process serves another version than expected: \(served)"
            fail(digest, on: instance, RolloutFault(reason, isTheVersions: false), now: now)
        case .notResident:
            forget(digest, on: instance)
            let reason = "the process lost the version between load and switch"
            fail(digest, on: instance, RolloutFault(reason, isTheVersions: false), now: now)
        case .other(let fault): fail(digest, on: instance, fault, now: now)
        }
    }

    mutating func drained(_ instance: RolloutInstance, _ digest: Digest) {
        guard instances[instance]?.resident[digest] == .draining else { return }
        instances[instance]?.resident[digest] = .idle
    }

    mutating func released(_ instance: RolloutInstance, _ digest: Digest) {
        guard instances[instance]?.resident[digest] == .releasing else { return }
        forget(digest, on: instance)
    }

    private mutating func forget(_ digest: Digest, on instance: RolloutInstance) {
        instances[instance]?.resident[digest] = nil
        instances[instance]?.passed.remove(digest)
    }

    /// Steps that were not answered in time have failed. The shell has deadlines of its own; these hold if it forgets.
    mutating func expireSteps(now: Instant) {
        for instance in instances.keys.sorted() {
            guard let step = instances[instance]?.step, let deadline = step.deadline, deadline <= now else { continue }
            instances[instance]?.step = .idle
            switch step {
            case .idle, .loading(_, _, abandoned: true): break
            case .loading(let digest, _, abandoned: false):
                emit(.release(instance, digest))
                blame(digest, on: instance, "the process did not finish loading in time", now: now)
            case .checking(let digest, _):
                blame(digest, on: instance, "the process did not finish the calibration in time", now: now)
            case .activating(let digest, _):
                blame(digest, on: instance, "the process did not switch in time", now: now)
            }
        }
    }

    private mutating func serve(_ digest: Digest, on instance: RolloutInstance, now: Instant) {
        guard let before = instances[instance]?.active else {
            return become(digest, on: instance, insteadOf: nil, now: now)
        }
        guard before != digest else { return }
        if instances[instance]?.loadReplaces == false { keep(before, .draining, on: instance) }
        become(digest, on: instance, insteadOf: before, now: now)
    }

    private mutating func become(_ digest: Digest, on instance: RolloutInstance, insteadOf: Digest?, now: Instant) {
        instances[instance]?.active = digest
        instances[instance]?.activeSince = now
        let counts = instances[instance]?.counts
        let usualTime = insteadOf == nil ? nil : instances[instance]?.latency.mean
        instances[instance]?.latency = LatencyWatch()
        let trial = newTrial(of: digest, counts: counts, usualTime: usualTime, now: now)
        instances[instance]?.trial = trial
        instances[instance]?.resident[digest] = nil
        emit(.note(.serving(instance, digest, insteadOf: insteadOf)))
    }

    /// Remembers what a process has in memory. What exceeds the bound is forgotten: a process that holds so much lies
    /// or leaks, and harms only itself.
    private mutating func keep(_ digest: Digest, _ residence: InstanceState.Residence, on instance: RolloutInstance) {
        guard let count = instances[instance]?.resident.count, count < Limits.rolloutResidentCountMax else { return }
        instances[instance]?.resident[digest] = residence
    }

    mutating func blame(_ digest: Digest, on instance: RolloutInstance, _ reason: String, now: Instant) {
        fail(digest, on: instance, RolloutFault(reason, isTheVersions: true), now: now)
    }

    /// A version that has not proven itself here is set aside for its faults, if there is one to go back to; anything
    /// else is tried again. Failures within one wait belong to one round: they count once.
    private mutating func fail(_ digest: Digest, on instance: RolloutInstance, _ fault: RolloutFault, now: Instant) {
        let reason = String(fault.reason.unicodeScalars.prefix(Limits.rolloutReasonByteCountMax / 4))
        let isOnTrial = version(of: digest).map { !$0.trial.isNone } ?? false
        if fault.isTheVersions, isOnTrial, !isProven(digest), hasOther(than: digest) {
            return setAside(digest, reason: reason)
        }
        var failure =
            failures[digest]
            ?? Failure(attemptCount: 0, reason: reason, retryAt: now, sequence: sequence, instances: [])
        if now >= failure.retryAt {
            failure.attemptCount += 1
            failure.retryAt = now + retryDelay(afterAttempts: failure.attemptCount)
            failure.instances = []
            failure.sequence = sequence
        }
        failure.reason = reason
        failure.instances.insert(instance)
        failures[digest] = failure
        emit(.note(.failed(instance, digest, reason: reason, retryAfter: failure.retryAt - now)))
    }
}
