import Rollout
import Units

/// Inference processes: what they are asked, and what becomes of it.
extension RolloutSimulation {
    func attachSoon(_ process: Int, of agent: RolloutAgent) {
        plan(.attach(agent.index, process: process, life: agent.life), after: delay(0.05...1))
    }

    func attach(_ process: Int, of agent: RolloutAgent, life: Int) {
        guard agent.isUp, agent.life == life, agent.processes[process].isAlive,
            agent.processes[process].instance == nil
        else { return }
        let instance = RolloutInstance(agent.nextInstance)
        agent.nextInstance += 1
        agent.processes[process].instance = instance
        noteDisturbance(agent)
        let state = agent.processes[process]
        handle(.attached(instance, .init(active: state.active, resident: state.resident.sorted())), in: agent)
    }

    /// - Parameter isFlaw: whether the version is to blame.
    func die(_ process: Int, of agent: RolloutAgent, isFlaw: Bool) {
        guard agent.processes[process].isAlive else { return }
        trace(.processDies, agent.index)
        let (instance, incarnation) = (agent.processes[process].instance, agent.processes[process].incarnation)
        agent.processes[process] = SimulatedProcess()
        agent.processes[process].incarnation = incarnation + 1
        agent.processes[process].isAlive = false
        noteFailure(agent)
        plan(.restartProcess(agent.index, process: process), after: delay(0.5...3))
        if let instance, agent.isUp { handle(.detached(instance, inOrder: false), in: agent) }
    }

    func restart(_ process: Int, of agent: RolloutAgent) {
        agent.processes[process].isAlive = true
        if agent.isUp { attachSoon(process, of: agent) }
    }

    /// Requests of the last seconds, and what the process says of them.
    func tick(_ process: Int, of agent: RolloutAgent) {
        plan(.tick(agent.index, process: process), after: 5_000_000_000)
        guard agent.processes[process].isAlive, let active = agent.processes[process].active else {
            return judgeServing(process, of: agent)
        }
        let flaw = flaw(of: active, on: agent)
        agent.processes[process].counts.requests += 20
        if flaw == .failsRequests { agent.processes[process].counts.errors += 10 }
        if flaw == .killsLater { return die(process, of: agent, isFlaw: true) }
        if let instance = agent.processes[process].instance {
            handle(.reported(instance, active: active, agent.processes[process].counts), in: agent)
        }
        judgeServing(process, of: agent)
    }

    // MARK: Steps

    private func place(of instance: RolloutInstance, _ agent: RolloutAgent) -> Int? {
        agent.processes.firstIndex { $0.instance == instance }
    }

    private func answer(
        _ answer: RolloutHappening.ProcessAnswer, by instance: RolloutInstance, _ agent: RolloutAgent,
        in seconds: ClosedRange<Double>
    ) {
        guard let process = place(of: instance, agent) else { return }
        let incarnation = agent.processes[process].incarnation
        plan(
            .answer(agent.index, process: process, incarnation: incarnation, instance, answer), after: delay(seconds))
    }

    func load(_ version: RolloutVersion, into instance: RolloutInstance, _ agent: RolloutAgent) {
        trace(.loads, agent.index, number(of: version.digest))
        guard let process = place(of: instance, agent) else { return }
        agent.processes[process].loading = version.digest
        answer(.load(version.digest), by: instance, agent, in: 0.05...1.5)
    }

    func check(_ version: RolloutVersion, on instance: RolloutInstance, _ agent: RolloutAgent) {
        trace(.checks, agent.index, number(of: version.digest))
        answer(.check(version.digest), by: instance, agent, in: 0.02...0.5)
    }

    func activate(
        _ version: RolloutVersion, on instance: RolloutInstance, expecting: Digest?, _ agent: RolloutAgent
    ) {
        answer(.activate(version.digest, expecting: expecting), by: instance, agent, in: 0.001...0.02)
    }

    func release(_ digest: Digest, from instance: RolloutInstance, _ agent: RolloutAgent) {
        guard let process = place(of: instance, agent) else { return }
        let wasLoading = agent.processes[process].loading == digest
        if wasLoading { agent.processes[process].loading = nil }
        answer(.released(digest, wasLoading: wasLoading), by: instance, agent, in: 0.001...0.1)
    }

    // MARK: Answers

    /// The process has done what it was asked; whether its agent still hears of it is another matter.
    func finish(
        _ answer: RolloutHappening.ProcessAnswer, by process: Int, _ incarnation: Int, _ instance: RolloutInstance,
        _ agent: RolloutAgent
    ) {
        let state = agent.processes[process]
        guard state.isAlive, state.incarnation == incarnation else { return }
        let isHeard = state.instance == instance
        let event: RolloutEvent?
        switch answer {
        case .load(let digest): event = finishLoad(digest, isHeard, process, instance, agent)
        case .check(let digest): event = finishCheck(digest, process, instance, agent)
        case .activate(let digest, let expected): event = finishSwitch(digest, expected, process, instance, agent)
        case .drained(let digest): event = .drained(instance, digest)
        case .released(let digest, let wasLoading):
            if state.active != digest { agent.processes[process].resident.remove(digest) }
            agent.processes[process].passed.remove(digest)
            if wasLoading, isHeard {
                let fault = RolloutFault("called off", isTheVersions: false)
                handle(.loadFailed(instance, digest, fault), in: agent)
            }
            event = .released(instance, digest)
        }
        if let event, isHeard, agent.processes[process].instance == instance { handle(event, in: agent) }
    }

    private func finishLoad(
        _ digest: Digest, _ isHeard: Bool, _ process: Int, _ instance: RolloutInstance, _ agent: RolloutAgent
    ) -> RolloutEvent? {
        // Called off, and answered then.
        guard !isHeard || agent.processes[process].loading == digest else { return nil }
        // What an agent asked for in an earlier life ends beside what is asked for now.
        if isHeard { agent.processes[process].loading = nil }
        switch flaw(of: digest, on: agent) {
        case .doesNotLoad:
            noteFailure(agent)
            return .loadFailed(instance, digest, RolloutFault("it does not load", isTheVersions: true))
        case .killsAtLoad:
            die(process, of: agent, isFlaw: true)
            return nil
        default:
            if agent.processes[process].active != digest { agent.processes[process].resident.insert(digest) }
            return .loaded(instance, digest)
        }
    }

    private func finishCheck(
        _ digest: Digest, _ process: Int, _ instance: RolloutInstance, _ agent: RolloutAgent
    ) -> RolloutEvent? {
        guard agent.processes[process].resident.contains(digest) else { return nil }
        guard flaw(of: digest, on: agent) != .isWrong else {
            noteFailure(agent)
            return .checkFailed(instance, digest, RolloutFault("a gate says no", isTheVersions: true))
        }
        agent.processes[process].passed.insert(digest)
        return .checked(instance, digest)
    }

    private func finishSwitch(
        _ digest: Digest, _ expected: Digest?, _ process: Int, _ instance: RolloutInstance, _ agent: RolloutAgent
    ) -> RolloutEvent? {
        let state = agent.processes[process]
        guard state.active == expected || state.active == digest else {
            noteFailure(agent)
            return .activateFailed(instance, digest, .conflict(active: state.active))
        }
        guard state.active == digest || state.resident.contains(digest) else {
            noteFailure(agent)
            return .activateFailed(instance, digest, .notResident)
        }
        judgePassed(digest, state, agent)
        agent.processes[process].active = digest
        agent.processes[process].resident.remove(digest)
        noteServed(digest, agent)
        if let before = state.active, before != digest {
            agent.processes[process].resident.insert(before)
            answer(.drained(before), by: instance, agent, in: 0.01...0.5)
        }
        return .activated(instance, digest)
    }
}
