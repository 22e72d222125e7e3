import Fleet
import Manifest
import Rollout
import Units
import Wire

/// What an agent says of itself: `StatusComposer`.
extension RolloutSimulation {
    /// Nil before its machine knows of anything.
    func content(_ agent: RolloutAgent) -> ChannelReport? {
        let wanted = wanted(agent)
        let servings = agent.machine.servings.map(\.digest)
        let served = servings.first { $0 != agent.machine.desired?.digest } ?? servings.first
        let failure = failure(agent)
        return ChannelReport(
            channel: Simulated.channel, state: state(of: wanted, served, agent),
            fetchedPerMille: wanted.map(agent.disk.versions.contains) == true ? 1_000 : 0, wanted: wanted,
            served: served, failed: failure?.digest, reason: failure?.reason ?? "")
    }

    private func wanted(_ agent: RolloutAgent) -> Digest? {
        switch wish(agent) {
        case .run(let version): version
        case .stay: agent.disk.current
        case nil: nil
        }
    }

    private func state(of wanted: Digest?, _ served: Digest?, _ agent: RolloutAgent) -> ChannelReport.State {
        guard let wanted else { return .waiting }
        guard agent.disk.versions.contains(wanted) else {
            return agent.fetching.contains(wanted) ? .fetching : .waiting
        }
        if agent.machine.isSetAside(wanted) { return .failed }
        if served == wanted { return agent.machine.trialEnd(of: wanted) == nil ? .serving : .trial }
        switch agent.machine.state(of: wanted) {
        case .loading: return .loading
        case .checking: return .checking
        case .failed: return .failed
        case .serving, .waiting, .ready: return .ready
        }
    }

    private func failure(_ agent: RolloutAgent) -> RolloutTrials.Failed? {
        let (trials, named) = (agent.machine.trials, agent.head?.head?.version)
        return trials.setAside.last { $0.digest == named } ?? trials.setAside.last
    }
}

/// All records that were signed lately, by node.
struct RecordDesk {
    private var kept: [NodeID: [HeldStatus]] = [:]

    mutating func keep(_ status: HeldStatus) {
        var records = kept[status.record.node] ?? []
        if records.count == 64 { records.removeFirst(32) }
        records.append(status)
        kept[status.record.node] = records
    }

    func status(of node: NodeID, _ stamp: StatusStamp) -> HeldStatus? {
        kept[node]?.last { $0.record.stamp == stamp }
    }
}
