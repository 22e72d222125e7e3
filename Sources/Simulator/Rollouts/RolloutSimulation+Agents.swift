import Fleet
import Rollout
import Units
import Wire

/// The shell of an agent: its start and end, and what its two cores ask for.
extension RolloutSimulation {
    func start(_ agent: RolloutAgent) {
        guard !agent.isUp else { return }
        // Of what it did in the moment of its end nothing is left either.
        agent.forgetAll()
        agent.isUp = true
        trace(.starts, agent.index)
        noteDisturbance(agent)
        let disk = agent.disk
        (agent.head, agent.halt) = (disk.head, disk.halt)
        agent.setAside = Set(disk.trials.setAside.map(\.digest))
        func remembered(_ version: Digest?) -> RolloutVersion? {
            version.flatMap { versionNumbers[$0] }.map { versions[$0 - 1] }
        }
        agent.machine = Rollout(
            model: Simulated.channel.model, settings: RolloutSettings(awaitsProcess: true),
            restored: RolloutMemory(
                current: remembered(disk.current), previous: [remembered(disk.previous)].compactMap(\.self),
                hadProcess: true, trials: disk.trials))
        for version in disk.versions.sorted() {
            if let known = remembered(version) { handle(.available(known), in: agent) }
        }
        review(agent)
        guard agent.isUp else { return }
        for process in agent.processes.indices { attachSoon(process, of: agent) }
        agent.core = Fleet(node: agent.id)
        agent.disk.boot += 1
        (agent.boot, agent.sequence) = (agent.disk.boot, 0)
        handle(.changed, in: agent)
        for link in agent.links where agents[link.node].isUp { dialSoon(link.edge, 0.05...2) }
    }

    /// Without a word; processes serve on.
    func crash(_ agent: RolloutAgent, seconds: Double) {
        guard agent.isUp, !isCalm else { return }
        trace(.crashes, agent.index)
        agent.downSince = now
        agent.forgetAll()
        closeLinks(of: agent, isPowerCut: Bool.random(using: &random))
        plan(.startAgent(agent.index), after: Nanoseconds(seconds: seconds + 0.1))
    }

    /// Whether a step is the agent's last.
    func mayEnd(_ agent: RolloutAgent) -> Bool { !isCalm && happens(scenario.crashPerMille * 1_000) }

    // MARK: Rollout

    /// Hands an event in, and carries out what follows, before the next event.
    func handle(_ event: RolloutEvent, in agent: RolloutAgent) {
        agent.rolloutInbox.append(event)
        guard !agent.isRunningRollout else { return }
        agent.isRunningRollout = true
        defer { agent.isRunningRollout = false }
        while !agent.rolloutInbox.isEmpty {
            let event = agent.rolloutInbox.removeFirst()
            agent.machine.handle(event, now: Instant(nanoseconds: now))
            var effects: [RolloutEffect] = []
            while let effect = agent.machine.nextEffect() { effects.append(effect) }
            let life = agent.life
            for effect in effects where agent.isUp && agent.life == life {
                if effect.isStep, mayEnd(agent) {
                    crash(agent, seconds: Double.random(in: 0...10, using: &random))
                } else {
                    run(effect, for: agent)
                }
            }
        }
        if agent.isUp { compareSoon(agent) }
    }

    private func run(_ effect: RolloutEffect, for agent: RolloutAgent) {
        switch effect {
        case .load(let instance, let version, _):
            judgeStep(to: version, agent)
            load(version, into: instance, agent)
        case .check(let instance, let version, _, _): check(version, on: instance, agent)
        case .activate(let instance, let version, let expected, _):
            judgeStep(to: version, agent)
            judgeSwitch(to: version, agent)
            activate(version, on: instance, expecting: expected, agent)
        case .release(let instance, let digest): release(digest, from: instance, agent)
        case .setCurrent(let version): move(to: version, agent)
        case .rememberProcess: break
        case .keepTrials(let trials): keepSoon(trials, agent)
        case .wakeAt(let moment):
            agent.rolloutWake = moment.nanoseconds
            plan(.rolloutWake(agent.index, life: agent.life), after: max(0, moment.nanoseconds - now))
        case .note(let note): heed(note, agent)
        }
    }

    func wakeRollout(_ agent: RolloutAgent) {
        guard let moment = agent.rolloutWake, moment <= now else { return }
        agent.rolloutWake = nil
        handle(.timerFired, in: agent)
    }

    private func keepSoon(_ trials: RolloutTrials, _ agent: RolloutAgent) {
        let isWriting = agent.unkeptTrials != nil
        agent.unkeptTrials = trials
        if !isWriting {
            plan(.trialsKept(agent.index, life: agent.life, trials), after: delay(0.001...0.01))
        }
    }

    /// They are durable; what came meanwhile is written next.
    func keep(_ trials: RolloutTrials, _ agent: RolloutAgent) {
        if scenario.plant != .forgetTrials { agent.disk.trials = trials }
        if let next = agent.unkeptTrials, next != trials {
            plan(.trialsKept(agent.index, life: agent.life, next), after: delay(0.001...0.01))
        } else {
            agent.unkeptTrials = nil
        }
        if mayEnd(agent) { return crash(agent, seconds: Double.random(in: 0...10, using: &random)) }
        handle(.trialsKept(revision: trials.revision), in: agent)
    }

    private func move(to version: RolloutVersion, _ agent: RolloutAgent) {
        agent.moves.append(version)
        guard agent.moves.count == 1 else { return }
        plan(.moved(agent.index, life: agent.life, version), after: delay(0.001...0.01))
    }

    func finishMove(_ version: RolloutVersion, _ agent: RolloutAgent) {
        agent.moves.removeFirst()
        if let next = agent.moves.first {
            plan(.moved(agent.index, life: agent.life, next), after: delay(0.001...0.01))
        }
        if !isCalm, happens(20_000) {
            noteFailure(agent)
            return handle(.setCurrentFailed(version.digest, reason: "the disk says no"), in: agent)
        }
        guard agent.disk.current != version.digest else { return }
        (agent.disk.previous, agent.disk.current) = (agent.disk.current, version.digest)
        trace(.current, agent.index, number(of: version.digest))
        if mayEnd(agent) { return crash(agent, seconds: Double.random(in: 0...10, using: &random)) }
        compareSoon(agent)
    }

    // MARK: Fleet

    func handle(_ event: FleetEvent, in agent: RolloutAgent) {
        guard scenario.spreadsStatus else { return }
        agent.fleetInbox.append(event)
        guard !agent.isRunningFleet else { return }
        agent.isRunningFleet = true
        var next = 0
        while next < agent.fleetInbox.count {
            let effects = agent.core.handle(agent.fleetInbox[next], now: Instant(nanoseconds: now))
            next += 1
            for effect in effects { run(effect, for: agent) }
        }
        agent.fleetInbox.removeAll(keepingCapacity: true)
        agent.isRunningFleet = false
    }

    private func run(_ effect: FleetEffect, for agent: RolloutAgent) {
        switch effect {
        case .send(let message, let node): send(message, to: node, from: agent)
        case .check(let node, let stamp, let signed, _):
            agent.fleetInbox.append(.checked(node, stamp, verdict(on: node, stamp, signed)))
        case .blame(let node, let why): note(.blame, agent.index, "it blames \(node): \(why)")
        case .report: report(agent)
        case .outrun(let stamp):
            agent.disk.boot = max(agent.disk.boot, stamp.boot) + 1
            (agent.boot, agent.sequence) = (agent.disk.boot, 0)
            report(agent)
        case .updated: break
        case .wakeAt(let moment): planFleetWake(agent, moment.nanoseconds)
        }
    }

    /// Fewer wake-ups than are asked for: one that comes too soon waits on.
    private func planFleetWake(_ agent: RolloutAgent, _ moment: Nanoseconds) {
        agent.wakeWanted = moment
        guard agent.wakePlanned > moment else { return }
        agent.wakePlanned = moment
        plan(.fleetWake(agent.index, life: agent.life), after: max(0, moment - now))
    }

    func wakeFleet(_ agent: RolloutAgent) {
        guard agent.wakePlanned <= now else { return }
        agent.wakePlanned = .never
        guard let wanted = agent.wakeWanted else { return }
        guard wanted <= now else { return planFleetWake(agent, wanted) }
        agent.wakeWanted = nil
        handle(.woken, in: agent)
    }

    private func send(_ message: Message, to neighbour: NodeID, from agent: RolloutAgent) {
        guard let number = numbers[neighbour], let link = agent.links.first(where: { $0.node == number }) else {
            preconditionFailure("a frame to \(neighbour), which is no neighbour")
        }
        switch message {
        case .statusNews(let news): send(.status(.news(news, from: agent.id)), from: link)
        case .statusQuery(let questions): send(.status(.query(questions, from: agent.id)), from: link)
        case .status(let frame): send(.status(.status(frame, from: agent.id)), from: link)
        default: preconditionFailure("\(message.type) is not about status")
        }
    }

    private func report(_ agent: RolloutAgent) {
        agent.sequence += 1
        let content = content(agent)
        agent.told = content
        let record = StatusRecord(
            cluster: Simulated.cluster, node: agent.id, stamp: StatusStamp(boot: agent.boot, sequence: agent.sequence),
            issued: Simulated.wallTime(at: now), name: agent.name, labels: agent.labels,
            channels: [content].compactMap(\.self))
        let status = Simulated.signed(record)
        desk.keep(status)
        agent.fleetInbox.append(.reported(status))
    }

    /// What was sent is what was signed.
    private func verdict(on node: NodeID, _ stamp: StatusStamp, _ signed: [UInt8]) -> StatusVerdict {
        guard let status = desk.status(of: node, stamp) else { return .refused(blames: true) }
        return .genuine(status, age: .zero)
    }

    func compareSoon(_ agent: RolloutAgent) {
        guard !agent.isComparing else { return }
        agent.isComparing = true
        let pause = Limits.statusWatchPause.wholeNanoseconds
        plan(
            .compare(agent.index, life: agent.life), after: pause - (now + Nanoseconds(agent.index) * 7_000_000) % pause
        )
    }

    func compare(_ agent: RolloutAgent) {
        agent.isComparing = false
        let content = content(agent)
        guard content != agent.told else { return }
        guard !scenario.spreadsStatus else { return handle(.changed, in: agent) }
        agent.told = content
        agent.said = agent.said.suffix(4) + [(now, content)]
    }
}

extension RolloutEffect {
    /// Whether it does something beyond the agent.
    fileprivate var isStep: Bool {
        switch self {
        case .load, .check, .activate, .release, .setCurrent, .keepTrials: true
        case .rememberProcess, .wakeAt, .note: false
        }
    }
}
