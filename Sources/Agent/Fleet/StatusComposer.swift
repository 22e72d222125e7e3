internal import Control
internal import EventLoop
internal import Fleet
internal import Manifest
internal import Rollout
internal import Store
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// What a record of this node would say now, but for rates.
struct StatusContent: Sendable {
    let name: NodeName
    let state: String
    let channels: [ChannelReport]

    /// Whether it says what another does, but for the progress of fetches.
    func saysAsMuch(as other: StatusContent?) -> Bool {
        guard let other else { return false }
        return name == other.name && state == other.state && channels.sayAsMuch(as: other.channels)
    }
}

/// Puts together what this node says of itself.
@LoopActor
struct StatusComposer {
    let agent: Agent

    func content() -> StatusContent {
        let reports = agent.channels.followed.sorted().prefix(Limits.statusModelCountMax).map(report)
        return StatusContent(name: agent.trust.identity.name, state: agent.health.rawValue, channels: reports)
    }

    func record(_ content: StatusContent, stamp: StatusStamp, rates: TrafficMeter.Rates) -> StatusRecord {
        StatusRecord(
            cluster: agent.trust.root.value.cluster, node: agent.trust.identity.node, stamp: stamp,
            issued: Clock.wallTime(), name: content.name, software: Software.name, state: content.state,
            receivedPerSecond: rates.received, sentPerSecond: rates.sent,
            labels: agent.configuration.labels.compactMap { Label(key: $0.key, value: $0.value) },
            channels: content.channels)
    }

    var traffic: TrafficMeter.Totals {
        TrafficMeter.Totals(received: agent.directory.receivedByteCount, sent: agent.directory.sentByteCount)
    }

    // MARK: Channels

    private func report(_ channel: ModelChannel) -> ChannelReport {
        let wanted = wanted(channel)
        let served = served(channel.model)
        let failure = failure(channel)
        return ChannelReport(
            channel: channel, state: state(of: wanted, channel.model, served), fetchedPerMille: fetched(wanted),
            wanted: wanted, served: served, failed: failure?.digest, reason: failure?.reason ?? "")
    }

    private func wanted(_ channel: ModelChannel) -> Digest? {
        switch agent.channels.wish(of: channel) {
        case .run(let version): version
        case .stay: agent.store.current(channel.model)?.version
        case nil: nil
        }
    }

    /// What all inference processes serve; of several versions one that should not be. For a model that no process
    /// ever served, what `current` names.
    private func served(_ model: ModelName) -> Digest? {
        guard let machine = agent.rollouts.machines[model] else { return agent.store.current(model)?.version }
        guard machine.hadProcess || machine.settings.awaitsProcess else {
            return agent.store.current(model)?.version
        }
        let servings = machine.servings.map(\.digest)
        return servings.first { $0 != machine.desired?.digest } ?? servings.first
    }

    private func state(of wanted: Digest?, _ model: ModelName, _ served: Digest?) -> ChannelReport.State {
        guard let wanted, let entry = agent.library.entries[wanted] else { return .waiting }
        guard entry.phase == .ready else { return entry.phase == .waiting ? .waiting : .fetching }
        guard let machine = agent.rollouts.machines[model] else { return .ready }
        if machine.isSetAside(wanted) { return .failed }
        if served == wanted { return machine.trialEnd(of: wanted) == nil ? .serving : .trial }
        switch machine.state(of: wanted) {
        case .loading: return .loading
        case .checking: return .checking
        case .failed: return .failed
        case .serving, .waiting, .ready: return .ready
        }
    }

    private func fetched(_ wanted: Digest?) -> UInt16 {
        guard let wanted, let entry = agent.library.entries[wanted] else { return 0 }
        let progress = StatusWriter(agent: agent).progress(of: entry)
        guard entry.phase != .ready else { return Limits.perMilleMax }
        guard progress.total > 0 else { return 0 }
        return UInt16(clamping: progress.done * Int64(Limits.perMilleMax) / progress.total)
    }

    /// What the channel's head names and this node set aside; else what it set aside last.
    private func failure(_ channel: ModelChannel) -> RolloutTrials.Failed? {
        guard let trials = agent.rollouts.machines[channel.model]?.trials else { return nil }
        let named = agent.trust.heads[channel]?.value.version
        return trials.setAside.last { $0.digest == named } ?? trials.setAside.last
    }
}
