internal import Control
internal import EventLoop
internal import Fleet
internal import Manifest
internal import Rollout
internal import Trust
internal import Units
internal import Wire

/// What commands ask of the fleet's state.
@LoopActor
struct FleetAPI {
    let agent: Agent

    func attach(to server: ControlServer) {
        server.answer(ListNodes.self) { (_, _) throws(ControlError) in nodes() }
        server.answer(ForgetNode.self) { (request, _) throws(ControlError) in try forget(request) }
        server.answer(GetHistory.self) { (request, _) throws(ControlError) in try await history(request) }
        server.answer(GetRollout.self) { (request, _) throws(ControlError) in try rollout(request) }
    }

    /// Those that reported within the last day, by name.
    private var rows: [(node: NodeID, record: StatusRecord)] {
        agent.fleet.core.rows.map { ($0.key, $0.value.status.record) }.sorted {
            ($0.record.name, $0.node) < ($1.record.name, $1.node)
        }
    }

    // MARK: Nodes

    private func nodes() -> NodeList { NodeList(nodes: rows.map { row(of: $0.node, $0.record) }) }

    private func row(of node: NodeID, _ record: StatusRecord) -> NodeRow {
        let age = agent.fleet.core.age(of: node, now: Clock.now()) ?? .zero
        return NodeRow(
            id: node.hex, name: record.name.text, labels: Self.labels(of: record), software: record.software,
            state: state(of: node, record), ageSeconds: Double(age.wholeMilliseconds) / 1_000,
            receivedBytesPerSecond: record.receivedPerSecond, sentBytesPerSecond: record.sentPerSecond,
            models: record.channels.map(model))
    }

    private func state(of node: NodeID, _ record: StatusRecord) -> String {
        if node == agent.trust.identity.node { return record.state }
        if let known = agent.directory.records[node], known.goneSince != nil, !isHeardSince(node, known.goneSince) {
            return "gone"
        }
        return agent.fleet.core.isReporting(node, now: Clock.now()) ? record.state : "silent"
    }

    /// A neighbour that went may live on as somebody else's.
    private func isHeardSince(_ node: NodeID, _ moment: Instant?) -> Bool {
        guard let moment, let row = agent.fleet.core.rows[node] else { return false }
        return row.heardAt > moment
    }

    private func model(_ report: ChannelReport) -> NodeModel {
        NodeModel(
            model: report.channel.model.text, channel: report.channel.channel.text, state: "\(report.state)",
            fetched: Double(report.fetchedPerMille) / Double(Limits.perMilleMax), wanted: label(report.wanted),
            served: label(report.served), failed: label(report.failed), reason: report.reason)
    }

    private func label(_ version: Digest?) -> VersionLabel {
        version.map { VersionLabel(digest: $0.hex, tag: agent.trust.manifest($0)?.value.tag.text ?? "") } ?? .none
    }

    private func label(hex: String?) -> VersionLabel { label(hex.flatMap { Digest(hex: $0) }) }

    private static func labels(of record: StatusRecord) -> [String: String] {
        Dictionary(record.labels.map { ($0.key, $0.value) }) { first, _ in first }
    }

    private func forget(_ request: ForgetNode) throws(ControlError) -> Done {
        let text = request.node
        let named = rows.filter {
            $0.node.hex == text || $0.record.name.text == text || (text.count >= 8 && $0.node.hex.hasPrefix(text))
        }
        guard let node = named.first?.node else {
            throw ControlError(.notFound, "no node called \(text) is known here", hint: "`shoal nodes` shows them.")
        }
        guard named.count == 1 else {
            throw ControlError(
                .failed, "several nodes are called \(text)", hint: "Give the id; see `shoal nodes --json`.")
        }
        guard node != agent.trust.identity.node else {
            throw ControlError(.notAllowed, "\(text) is this node, which reports itself")
        }
        agent.fleet.handle(.forgotten(node))
        return Done()
    }

    // MARK: History

    private func history(_ request: GetHistory) async throws(ControlError) -> GetHistory.Reply {
        guard let model = ModelName(request.model) else {
            throw ControlError(.wrongUsage, "\(request.model) is no model name")
        }
        let changes = await agent.history.entries(of: model).map { entry in
            GetHistory.Change(
                at: entry.at, node: entry.node, name: entry.name, channel: entry.channel,
                before: label(hex: entry.before), served: label(hex: entry.served), reason: entry.reason ?? "")
        }
        return GetHistory.Reply(model: model.text, changes: changes)
    }

    // MARK: Rollouts

    private func rollout(_ request: GetRollout) throws(ControlError) -> GetRollout.Reply {
        guard let model = ModelName(request.model), let name = ChannelName(request.channel) else {
            throw ControlError(.wrongUsage, "\(request.model):\(request.channel) is no channel of a model")
        }
        let channel = ModelChannel(model: model, channel: name)
        let head = agent.trust.heads[channel]
        let named = head.map { [$0.value.version] + [$0.value.rollout.base].compactMap(\.self) } ?? []
        let tags = named.compactMap { digest in agent.trust.manifest(digest).map { (digest.hex, $0.value.tag.text) } }
        return GetRollout.Reply(
            head: head.map { Hex.encode($0.envelope) } ?? "", halted: agent.trust.denyList.isDenied(channel),
            tags: Dictionary(tags) { first, _ in first },
            members: rows.compactMap { member($0.node, $0.record, channel) })
    }

    private func member(
        _ node: NodeID, _ record: StatusRecord, _ channel: ModelChannel
    ) -> GetRollout.Member? {
        guard let report = record.channels.first(where: { $0.channel == channel }),
            record.channels.map(\.channel).deciding(for: channel.model) == channel
        else { return nil }
        return GetRollout.Member(
            id: node.hex, name: record.name.text, labels: Self.labels(of: record),
            reporting: agent.fleet.core.isReporting(node, now: Clock.now()), served: report.served?.hex ?? "",
            proven: report.hasProven, failed: report.failed?.hex ?? "", reason: report.reason)
    }
}
