import Fleet
import Manifest
import Rollout
import Units

/// A broken rule.
public struct RolloutViolation: Sendable, CustomStringConvertible {
    /// Which rule.
    public enum Kind: String, Sendable {
        /// A version that is not there, or did not pass, is switched to.
        case unverified
        /// A step towards a version before its try is durable.
        case untold
        /// A step towards a version that was set aside.
        case setAside
        /// A switch to the version of a halted channel, or of a ring that may not switch.
        case forbidden
        /// A switch that neither the accepted head nor a failure explains.
        case unasked
        /// An older head than one that was acted on decides.
        case older
        /// Something else than what is wanted serves on though nothing is in the way.
        case servesOn
        /// A ring was let go before the one before it served.
        case release
        /// A genuine record is taken for forged.
        case blame
        /// At the end something is not as it should be.
        case late
    }

    /// Which rule.
    public let kind: Kind
    /// Where.
    public let node: Int
    /// When, since the start.
    public let seconds: Double
    /// What was found.
    public let detail: String

    /// For people.
    public var description: String { "\(kind.rawValue) on node \(node) at \(seconds) s: \(detail)" }
}

/// The checkers.
extension RolloutSimulation {
    func note(_ kind: RolloutViolation.Kind, _ node: Int, _ detail: String) {
        guard violations.count < 16 else { return }
        violations.append(RolloutViolation(kind: kind, node: node, seconds: now.inSeconds, detail: detail))
    }

    private func name(_ version: Digest?) -> String { version.map { "v\(number(of: $0))" } ?? "nothing" }

    // MARK: Flaws

    /// Draws on which nodes a version is flawed; the rings may say it.
    func spoil(_ version: Int, with plan: RolloutPlan?) {
        guard version > 1 else { return }
        let nature = scenario.natures[version - 2]
        guard nature.flaw != .none else { return }
        var chance = SplitMix64(seed: scenario.seed &+ UInt64(version) &* 0x1234_5678_9ABC)
        for agent in agents {
            let drawn = Int(chance.next() % 1_000)
            flawed[version - 1][agent.index] =
                switch nature.extent {
                case .everywhere: true
                case .share(let perMille): drawn < perMille
                case .fromRing(let first): ring(of: agent, in: plan, version) >= first
                }
        }
    }

    /// From 1; one more than there are for a node that none takes.
    private func ring(of agent: RolloutAgent, in plan: RolloutPlan?, _ version: Int) -> Int {
        plan.flatMap { agent.place.ring(in: $0, for: versions[version - 1].digest) }.map { $0 + 1 } ?? .max
    }

    func isFlawed(_ version: Digest, on agent: RolloutAgent) -> Bool {
        versionNumbers[version].map { flawed[$0 - 1][agent.index] } ?? false
    }

    func flaw(of version: Digest, on agent: RolloutAgent) -> VersionNature.Flaw {
        guard let number = versionNumbers[version], number > 1, flawed[number - 1][agent.index] else { return .none }
        return scenario.natures[number - 2].flaw
    }

    // MARK: What is remembered

    /// Something happened that may explain why a process does not serve what it should yet.
    func noteDisturbance(_ agent: RolloutAgent) { agent.calmSince = max(agent.calmSince, now) }

    /// The same, with the longest wait before another attempt.
    func noteFailure(_ agent: RolloutAgent) {
        agent.calmSince = max(agent.calmSince, now + Nanoseconds(Limits.rolloutRetrySecondsMax) * 1_000_000_000)
    }

    func heed(_ note: RolloutNote, _ agent: RolloutAgent) {
        switch note {
        case .setAside(let digest, _):
            trace(.setAside, agent.index, number(of: digest))
            agent.setAside.insert(digest)
            noteFailure(agent)
            if isFlawed(digest, on: agent) { firstFailureAt = firstFailureAt ?? now } else { blamedCount += 1 }
        case .proven(let digest):
            trace(.proven, agent.index, number(of: digest))
            agent.everProven.insert(digest)
        case .failed: noteFailure(agent)
        case .serving, .stoppedSwitching, .abandoned, .cannotLoadBeside, .cannotCalibrate, .deniedServesOn,
            .currentFailed:
            noteDisturbance(agent)
        }
    }

    func noteServed(_ digest: Digest, _ agent: RolloutAgent) {
        trace(.serves, agent.index, number(of: digest))
        if firstFailureAt != nil { lastSwitchAt = now }
        agent.everServed.insert(digest)
        noteDisturbance(agent)
        guard let number = versionNumbers[digest], servedAt[number - 1][agent.index] == nil else { return }
        servedAt[number - 1][agent.index] = now
    }

    // MARK: Steps

    func judgeStep(to version: RolloutVersion, _ agent: RolloutAgent) {
        let digest = version.digest
        if !agent.disk.versions.contains(digest) { note(.unverified, agent.index, "\(name(digest)) is not there") }
        if agent.setAside.contains(digest) { note(.setAside, agent.index, "\(name(digest)) was set aside") }
        if let acted = agent.actedOn, acted.digest != agent.head?.digest, acted.outranks(agent.head) {
            let rank = agent.head.map { "\($0.rank)" } ?? "none"
            note(.older, agent.index, "\(name(digest)) of \(rank), after \(acted.rank)")
        }
        let isCounted = (agent.disk.trials.tries[digest] ?? 0) >= 1
        if !isCounted, !agent.everServed.contains(digest), !agent.everProven.contains(digest) {
            note(.untold, agent.index, "the try of \(name(digest)) is not durable")
        }
    }

    /// The moment in which the agent decides.
    func judgeSwitch(to version: RolloutVersion, _ agent: RolloutAgent) {
        let digest = version.digest
        guard let head = agent.head?.head else { return }
        let wish = rightWish(agent)
        if wish == .run(digest) { return }
        if wish == .stay, digest == agent.disk.current { return }
        if digest == head.version, hasUsable(otherThan: digest, agent) {
            let why = agent.halt?.isDenial == true ? "halted" : "not let go here"
            return note(.forbidden, agent.index, "\(name(digest)) is \(why)")
        }
        guard case .run(let wanted) = wish else { return }
        let isInTheWay = !agent.disk.versions.contains(wanted) || agent.machine.error(of: wanted) != nil
        let isFallback = fallbacks(agent).contains(digest)
        if !isInTheWay || !isFallback {
            note(.unasked, agent.index, "\(name(digest)) in place of \(name(wanted))")
        }
    }

    func judgePassed(_ digest: Digest, _ process: SimulatedProcess, _ agent: RolloutAgent) {
        guard !process.passed.contains(digest), process.active != digest, !agent.everProven.contains(digest),
            !agent.everServed.contains(digest)
        else { return }
        note(.unverified, agent.index, "\(name(digest)) was not calibrated here")
    }

    /// What the controller knows when it lets another ring go, against what was.
    func judgeRelease(_ head: Head, _ members: [FleetMember], _ agent: RolloutAgent) {
        var counts = head.rollout.rings.map { _ in (all: 0, proven: 0) }
        for member in members where member.place.pinned(in: head.rollout) == nil {
            guard let ring = member.place.ring(in: head.rollout, for: head.version),
                let node = numbers[member.place.node]
            else { continue }
            counts[ring].all += 1
            if agents[node].everProven.contains(head.version) { counts[ring].proven += 1 }
        }
        for (ring, count) in counts.enumerated().prefix(head.rollout.releasedCount) {
            let most = count.all * Int(scenario.haltPerMille)
            guard (count.all - count.proven) * Int(Limits.perMilleMax) > most else { continue }
            note(.release, agent.index, "after \(count.proven) of \(count.all) in ring \(ring + 1)")
        }
    }

    // MARK: Serving

    /// Long enough for a load, a calibration and a switch.
    private static var settling: Nanoseconds { 20_000_000_000 }

    /// A process says how it fares: does it serve what it should?
    func judgeServing(_ process: Int, of agent: RolloutAgent) {
        guard agent.isUp, agent.processes[process].instance != nil, now - agent.calmSince > Self.settling else {
            return
        }
        guard let problem = problem(with: agent.processes[process], on: agent) else { return }
        note(.servesOn, agent.index, problem)
    }

    /// Why a process does not serve what it should; nil if it does.
    private func problem(with process: SimulatedProcess, on agent: RolloutAgent) -> String? {
        let active = process.active
        switch rightWish(agent) {
        case nil: return nil
        case .stay:
            return active == agent.disk.current ? nil : "\(name(active)) serves, \(name(agent.disk.current)) is current"
        case .run(let wanted):
            if active == wanted || hasStopped(agent) { return nil }
            let isGood = !isFlawed(wanted, on: agent) && !agent.machine.isSetAside(wanted)
            let isHere = agent.disk.versions.contains(wanted)
            if isGood, isHere { return "\(name(active)) serves, \(name(wanted)) is wanted" }
            guard let head = agent.head?.head, active == head.version, agent.halt?.isDenial == true,
                hasUsable(otherThan: head.version, agent)
            else { return nil }
            return "\(name(active)) serves, which may not here; \(name(wanted)) is wanted"
        }
    }

    /// Whether there is another that the node would go back to and that is good here.
    private func hasOther(than version: Digest, _ agent: RolloutAgent) -> Bool {
        fallbacks(agent).contains {
            $0 != version && agent.disk.versions.contains($0) && !isFlawed($0, on: agent)
                && !agent.machine.isSetAside($0)
        }
    }

    /// The same, as far as the node knows.
    private func hasUsable(otherThan version: Digest, _ agent: RolloutAgent) -> Bool {
        fallbacks(agent).contains {
            $0 != version && agent.disk.versions.contains($0) && !agent.machine.isSetAside($0)
        }
    }

    private func fallbacks(_ agent: RolloutAgent) -> [Digest] {
        let known = [agent.machine.current?.digest, agent.head?.head?.rollout.base].compactMap(\.self)
        if case .run(let wanted) = rightWish(agent) { return known + [wanted] + agent.machine.history.map(\.digest) }
        return known + agent.machine.history.map(\.digest)
    }

    /// Too many versions failed in a row: an operator is waited for.
    private func hasStopped(_ agent: RolloutAgent) -> Bool {
        agent.machine.trials.failedInARow >= Limits.rolloutFailedInARowMax
    }

    // MARK: The end

    /// After the faults: people try again what was given up wrongly, and wait.
    func look() {
        if !isCalm {
            isCalm = true
            partition = nil
            for edge in edges.indices where edges[edge].open == [nil, nil] { dialSoon(edge) }
        }
        for agent in agents where agent.isUp {
            let isWronged = agent.setAside.contains { !isFlawed($0, on: agent) }
            guard isWronged || hasStopped(agent) else { continue }
            agent.setAside = []
            noteFailure(agent)
            handle(.retry(nil), in: agent)
        }
        if firstProblem() == nil { return healthyAt = now }
        plan(.look, after: 5_000_000_000)
    }

    func reportUnhealthy() {
        guard let (node, problem) = firstProblem() else { return }
        note(.late, node, problem)
    }

    private func firstProblem() -> (Int, String)? {
        let head = agents.compactMap(\.head).reduce(agents[0].head) { $1.outranks($0) ? $1 : $0 }
        let halt = agents.compactMap(\.halt).reduce(agents[0].halt) { $1.outranks($0) ? $1 : $0 }
        for agent in agents {
            guard agent.isUp else { return (agent.index, "its agent is down") }
            guard agent.head?.digest == head?.digest else {
                return (agent.index, "it has not heard of the newest head")
            }
            guard agent.halt?.digest == halt?.digest else {
                return (agent.index, "it has not heard of the newest deny record")
            }
            if let problem = finalProblem(with: agent) { return (agent.index, problem) }
        }
        return head?.head.flatMap { problem(with: $0, isHalted: halt?.isDenial ?? false) }
    }

    private func finalProblem(with agent: RolloutAgent) -> String? {
        for process in agent.processes {
            guard process.isAlive, process.instance != nil else { return "a process is not connected" }
            if let problem = problem(with: process, on: agent) { return problem }
            if let active = process.active, isFlawed(active, on: agent), hasOther(than: active, agent) {
                return "\(name(active)) serves, which is flawed here"
            }
            if process.active == nil, agent.disk.current != nil {
                return "a process serves nothing"
            }
        }
        if case .run(let wanted) = rightWish(agent), !agent.disk.versions.contains(wanted) {
            return "\(name(wanted)) is wanted and is not there"
        }
        let active = Set(agent.processes.map(\.active))
        if active.count > 1 { return "its processes serve different versions" }
        guard active == [agent.disk.current] else { return "current is \(name(agent.disk.current))" }
        let moment = Instant(nanoseconds: now)
        guard scenario.spreadsStatus else { return nil }
        let silent = agents.first { !agent.core.isReporting($0.id, now: moment) }
        return silent.map { "it has not heard of node \($0.index) lately" }
    }

    /// Whether the newest rollout has come to its end.
    private func problem(with head: Head, isHalted: Bool) -> (Int, String)? {
        guard !isHalted, !head.rollout.rings.isEmpty else { return nil }
        let tallies = RolloutController.tallies(of: head, truth(of: head))
        let isDone = tallies.prefix(head.rollout.releasedCount).allSatisfy {
            ($0.memberCount - $0.servingCount) * 1_000 <= $0.memberCount * Int(scenario.haltPerMille)
        }
        if !head.rollout.isUnfinished, isDone { return nil }
        // Where nobody is in the rings that were let go, a controller waits for an operator.
        if tallies.prefix(head.rollout.releasedCount).allSatisfy({ $0.memberCount == 0 }) { return nil }
        let rings = tallies.map { "\($0.servingCount)+\($0.failedCount)/\($0.memberCount)" }
        return (0, "\(head.rollout.releasedCount) of \(rings) are let go, and it is neither done nor halted")
    }

    /// What nodes are, whoever knows of it.
    private func truth(of head: Head) -> [FleetMember] {
        agents.map { agent in
            let active = agent.processes[0].active
            return FleetMember(
                place: agent.place, isReporting: true, served: active,
                isProven: active.map(agent.everProven.contains) ?? false,
                failed: agent.machine.isSetAside(head.version) ? head.version : nil)
        }
    }
}
