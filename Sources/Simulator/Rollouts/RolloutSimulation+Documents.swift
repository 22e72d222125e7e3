import DequeModule
import Manifest
import Rollout
import Units

/// Heads and deny records, as `DocumentExchange` and `Trust` deal with them: what is genuine and new goes on at once,
/// is made durable, and is acted on after that; one at a time.
extension RolloutSimulation {
    /// What a new neighbour gets first.
    func level(_ agent: RolloutAgent, _ edge: Int, _ end: Int) {
        guard let link = agent.links.first(where: { $0.edge == edge && $0.end == end }) else { return }
        // A lift comes last, so that nobody sees it with the head that the halt was about.
        let documents = agent.halt?.isDenial == true ? [agent.halt, agent.head] : [agent.head, agent.halt]
        for document in documents.compactMap(\.self) { send(.document(document), from: link) }
    }

    func take(_ document: SimulatedDocument, from node: Int?, _ agent: RolloutAgent) {
        agent.arrivals.append(.init(document: document, node: node))
        judgeNext(agent)
    }

    private func judgeNext(_ agent: RolloutAgent) {
        guard !agent.isJudging else { return }
        while let arrival = agent.arrivals.popFirst() {
            let known = arrival.document.isHead ? agent.head : agent.halt
            guard arrival.document !== known, arrival.document.outranks(known) else { continue }
            agent.isJudging = true
            for link in agent.links where link.node != arrival.node {
                send(.document(arrival.document), from: link)
            }
            plan(.kept(agent.index, life: agent.life, arrival.document), after: delay(0.001...0.02))
            return
        }
    }

    /// It is durable.
    func keep(_ document: SimulatedDocument, _ agent: RolloutAgent) {
        agent.isJudging = false
        trace(.keeps, agent.index, document.rank.counter << 1 | (document.isHead ? 0 : 1))
        let isForgotten = scenario.plant == .forgetRank
        if document.isHead {
            agent.head = document
            if !isForgotten { agent.disk.head = document }
        } else {
            agent.halt = document
            if !isForgotten { agent.disk.halt = document }
        }
        noteDisturbance(agent)
        giveUpWhatNobodyWants(agent)
        review(agent)
        if mayEnd(agent) { return crash(agent, seconds: Double.random(in: 0...10, using: &random)) }
        judgeNext(agent)
    }

    // MARK: What they ask for

    func isHalted(_ agent: RolloutAgent) -> Bool {
        scenario.plant == .ignoreHalt ? false : agent.halt?.isDenial ?? false
    }

    /// What the shell makes of them: `Channels.wish`.
    func wish(_ agent: RolloutAgent) -> HeadWish? {
        guard var head = agent.head?.head else { return nil }
        if scenario.plant == .ignoreRings, let all = head.withAllRings { head = all }
        return head.wish(of: agent.place, isHalted: isHalted(agent), now: Simulated.wallTime(at: now))
    }

    /// What the documents want, whatever bug is planted.
    func rightWish(_ agent: RolloutAgent) -> HeadWish? {
        agent.head?.head?.wish(
            of: agent.place, isHalted: agent.halt?.isDenial ?? false, now: Simulated.wallTime(at: now))
    }

    private func wantedVersions(_ agent: RolloutAgent) -> [Digest] {
        agent.head?.head?.versions(for: agent.place, isHalted: isHalted(agent)) ?? []
    }

    /// `Agent.review`.
    func review(_ agent: RolloutAgent) {
        for version in wantedVersions(agent) { want(version, agent) }
        if let head = agent.head, head.outranks(agent.actedOn) { agent.actedOn = head }
        if let head = agent.head?.head {
            let withheld = wish(agent) == .run(head.version) ? nil : head.version
            handle(.guided(base: known(head.rollout.base, agent), withheld: withheld), in: agent)
        }
        let desired = desired(agent)
        trace(.wish, agent.index, number(of: desired?.digest))
        handle(.desired(desired), in: agent)
        awaitFlip(agent)
        compareSoon(agent)
    }

    private func desired(_ agent: RolloutAgent) -> RolloutVersion? {
        switch wish(agent) {
        case nil: nil
        case .stay: known(agent.disk.current, agent)
        case .run(let version): known(version, agent)
        }
    }

    /// A version that the node deals with, here or not.
    private func known(_ version: Digest?, _ agent: RolloutAgent) -> RolloutVersion? {
        guard let version, let number = versionNumbers[version] else { return nil }
        let isKnown = agent.disk.versions.contains(version) || agent.fetching.contains(version)
        return isKnown ? versions[number - 1] : nil
    }

    private func awaitFlip(_ agent: RolloutAgent) {
        let wall = Simulated.wallTime(at: now)
        guard let moment = agent.head?.head?.nextChange(after: wall) else { return }
        let pause = (moment.secondsSince1970 - wall.secondsSince1970) * 1_000_000_000 - now % 1_000_000_000
        plan(.flip(agent.index, life: agent.life), after: pause)
    }

    /// What a head has announced is wanted now.
    func flip(_ agent: RolloutAgent) {
        noteDisturbance(agent)
        review(agent)
    }

    // MARK: Fetching

    private func want(_ version: Digest, _ agent: RolloutAgent) {
        guard !agent.disk.versions.contains(version), agent.fetching.insert(version).inserted else { return }
        plan(.fetched(agent.index, life: agent.life, version), after: delay(0.2...4))
        if scenario.plant == .serveUnfetched, let known = known(version, agent) { handle(.available(known), in: agent) }
    }

    private func giveUpWhatNobodyWants(_ agent: RolloutAgent) {
        let wanted = wantedVersions(agent)
        agent.fetching = agent.fetching.filter { wanted.contains($0) }
    }

    func finishFetch(_ version: Digest, _ agent: RolloutAgent) {
        guard agent.fetching.remove(version) != nil, let number = versionNumbers[version] else { return }
        agent.disk.versions.insert(version)
        noteDisturbance(agent)
        handle(.available(versions[number - 1]), in: agent)
        review(agent)
    }

    // MARK: Signing

    /// The next head of the channel; nil if its fields break a rule.
    func makeHead(version: Int, plan: RolloutPlan, after head: Head?) -> Head? {
        let wall = Simulated.wallTime(at: now)
        let rank = Rank(epoch: 1, counter: (head?.rank.counter ?? 0) + 1)
        return try? Head(
            cluster: Simulated.cluster, rootVersion: 1, channel: Simulated.channel, rank: rank,
            version: versions[version - 1].digest, issued: wall, expires: wall + .seconds(1_000_000), rollout: plan)
    }

    /// A node's agent takes what was signed on it.
    func submit(_ head: Head?, to agent: RolloutAgent) {
        guard let head else { return }
        trace(.signsHead, agent.index, head.rank.counter << 8 | number(of: head.version))
        take(SimulatedDocument(.head(head)), from: nil, agent)
    }

    func submitHalt(_ state: DenyRecord.State, to agent: RolloutAgent) {
        let known = agent.halt?.record
        guard (known?.state ?? .lifted) != state else { return }
        let rank = Rank(epoch: 1, counter: (known?.rank.counter ?? 0) + 1)
        let record = try? DenyRecord(
            cluster: Simulated.cluster, rootVersion: 1, subject: .channel(Simulated.channel), state: state, rank: rank,
            issued: Simulated.wallTime(at: now))
        guard let record else { return }
        trace(.signsDeny, agent.index, rank.counter << 8 | UInt64(state.rawValue))
        take(SimulatedDocument(.deny(record)), from: nil, agent)
    }
}

extension Head {
    /// The same with all rings let go.
    fileprivate var withAllRings: Head? {
        let all = rollout.rings.indices.reduce(rollout) { plan, _ in plan.releasingNext(flipAt: plan.flipAt) }
        return try? Head(
            cluster: cluster, rootVersion: rootVersion, channel: channel, rank: rank, version: version, issued: issued,
            expires: expires, rollout: all)
    }
}
