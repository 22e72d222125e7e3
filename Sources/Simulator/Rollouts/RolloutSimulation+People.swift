import Fleet
import Manifest
import Rollout
import Units

/// The operator, and the controllers that `shoal rollout run` is.
extension RolloutSimulation {
    private func someAgent() -> RolloutAgent? {
        let living = agents.filter { $0.isUp && $0.head != nil }
        return living.randomElement(using: &random)
    }

    // MARK: Operator

    func carryOut(_ act: RolloutScenario.OperatorAct) {
        guard let agent = someAgent(), let head = agent.head?.head else { return plan(.act(act), after: 1_000_000_000) }
        switch act {
        case .promoteInRings(let version):
            if agent.halt?.isDenial != true { promote(version, agent, head) { self.ringPlan($0, version, head) } }
        case .promoteToAll(let version, let flipAfter):
            guard agent.halt?.isDenial != true else { return }
            let flipAt = flipAfter > 0 ? Simulated.wallTime(at: now) + .seconds(flipAfter) : nil
            promote(version, agent, head) { RolloutPlan(flipAt: flipAt, base: $0, pins: head.rollout.pins) }
        case .halt: submitHalt(.denied, to: agent)
        case .lift: submitHalt(.lifted, to: agent)
        case .rollBack: rollBack(agent, head)
        case .pin(let node, let version):
            let pin = Pin(selector: "node=\(agents[node].name.text)", version: versions[version - 1].digest)
            let pins = head.rollout.pins.filter { $0.selector != pin.selector } + [pin]
            submit(next(head, with: head.rollout.with(pins: pins)), to: agent)
        case .unpin: submit(next(head, with: head.rollout.with(pins: [])), to: agent)
        }
    }

    private func next(_ head: Head, with plan: RolloutPlan) -> Head? {
        makeHead(version: Int(number(of: head.version)), plan: plan, after: head)
    }

    /// What nodes run that do not run the new version yet: `HeadMove.Ground.base`.
    private func promote(
        _ version: Int, _ agent: RolloutAgent, _ head: Head, _ plan: (Digest?) -> RolloutPlan?
    ) {
        let isSame = head.version == versions[version - 1].digest
        if isSame, !head.rollout.isUnfinished { return }
        let base = isSame || head.rollout.isUnfinished ? head.rollout.base : head.version
        guard let plan = plan(base) else { return }
        if !plan.rings.isEmpty {
            plans[version] = plan
            spoil(version, with: plan)
        }
        submit(makeHead(version: version, plan: plan, after: head), to: agent)
    }

    private func ringPlan(_ base: Digest?, _ version: Int, _ head: Head) -> RolloutPlan? {
        let digest = versions[version - 1].digest
        let first = agents.map(\.place).min { $0.comesBefore($1, for: digest) }
        let rings = scenario.ringShares.enumerated().map { number, share in
            let wait = number == 0 ? 0 : scenario.waitSeconds
            guard share == 0, let first else { return Ring(selector: "", sharePerMille: share, waitSeconds: wait) }
            return Ring(selector: "node-id=\(first.node.hex)", sharePerMille: 1_000, waitSeconds: wait)
        }
        return RolloutPlan(
            haltSharePerMille: scenario.haltPerMille, base: base,
            expectedCount: scenario.expectsAll ? UInt32(scenario.nodeCount) : 0, rings: rings, releasedCount: 1,
            pins: head.rollout.pins)
    }

    /// `shoal rollback`.
    private func rollBack(_ agent: RolloutAgent, _ head: Head) {
        let isHalted = agent.halt?.isDenial == true
        guard let base = head.rollout.base, base != head.version || isHalted else { return }
        let plan = RolloutPlan(base: base, pins: head.rollout.pins)
        submit(makeHead(version: Int(number(of: base)), plan: plan, after: head), to: agent)
        if isHalted { submitHalt(.lifted, to: agent) }
    }

    // MARK: Controllers

    /// Somebody sees to it that a controller runs while there is a rollout.
    func supervise() {
        plan(.supervise, after: isCalm ? 3_000_000_000 : delay(3...9))
        let living = controllers.indices.filter { controllers[$0].isAlive }
        guard living.count < (isCalm ? 1 : scenario.controllerCount), let agent = someAgent(),
            let head = agent.head?.head, !head.rollout.rings.isEmpty, agent.halt?.isDenial != true
        else { return }
        controllers.append(ControllerRun(node: agent.index))
        plan(.control(controllers.count - 1), after: delay(0.1...1))
    }

    func crashControllers() { for place in controllers.indices { controllers[place].isAlive = false } }

    /// A second of `RolloutRun`.
    func control(_ number: Int) {
        guard controllers[number].isAlive else { return }
        let agent = agents[controllers[number].node]
        guard agent.isUp, let head = agent.head?.head, !head.rollout.rings.isEmpty, agent.halt?.isDenial != true else {
            controllers[number].isAlive = false
            return
        }
        let members = members(as: agent)
        switch controllers[number].controller.step(head, members, now: Instant(nanoseconds: now)) {
        case .wait: break
        case .releaseNext:
            judgeRelease(head, members, agent)
            submit(next(head, with: head.rollout.releasingNext()), to: agent)
        case .halt:
            submitHalt(.denied, to: agent)
            controllers[number].isAlive = false
            return
        case .done:
            trace(.done, agent.index, head.rank.counter)
            if !isCalm { controllers[number].isAlive = false }
        }
        plan(.control(number), after: 1_000_000_000)
    }

    /// `FleetAPI.rollout`.
    func members(as agent: RolloutAgent) -> [FleetMember] {
        guard scenario.spreadsStatus else { return modelledMembers(as: agent) }
        let moment = Instant(nanoseconds: now)
        let isTrusting = scenario.plant == .trustSilent
        let named = agent.head?.head?.version
        return agents.compactMap { other in
            guard let record = agent.core.rows[other.id]?.status.record, let report = record.channels.first else {
                return nil
            }
            let isReporting = agent.core.isReporting(other.id, now: moment)
            if isTrusting, !isReporting {
                return FleetMember(place: other.place, isReporting: true, served: named, isProven: true, failed: nil)
            }
            return FleetMember(
                place: other.place, isReporting: isReporting, served: report.served, isProven: report.hasProven,
                failed: report.failed)
        }
    }

    /// What all said two seconds ago, or before they were out of reach.
    private func modelledMembers(as agent: RolloutAgent) -> [FleetMember] {
        let silence = (Limits.statusPauseMin * Limits.statusPauseCountSilent).wholeNanoseconds
        return agents.compactMap { other in
            let isCut = partition.map { ($0 >> UInt64(agent.index % 64) ^ $0 >> UInt64(other.index % 64)) & 1 == 1 }
            let lastAt = isCut == true ? dividedAt : other.isUp ? now : other.downSince
            let heardAt = min(lastAt, now - 2_000_000_000)
            guard let said = other.said.last(where: { $0.at <= heardAt }), let report = said.report else { return nil }
            return FleetMember(
                place: other.place, isReporting: now - heardAt < silence, served: report.served,
                isProven: report.hasProven, failed: report.failed)
        }
    }
}
