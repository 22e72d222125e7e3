internal import Control
internal import Crypto
internal import EventLoop
internal import Manifest
internal import Rollout
internal import Store
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// `shoal status`: what the parts know, put together.
@LoopActor
struct StatusWriter {
    let agent: Agent

    func report() -> StatusReport {
        StatusReport(
            node: node(), neighbours: neighbours(), models: models(), fetches: fetches(),
            recentFetches: agent.book.recent)
    }

    /// How far one version has come, for a progress bar.
    func progress(of entry: LibraryEntry) -> ControlProgress {
        ControlProgress(stage: entry.phase.rawValue, done: bytesVerified(of: entry), total: bytesTotal(of: entry))
    }

    // MARK: Node

    private func node() -> NodeStatus {
        let identity = agent.trust.identity
        return NodeStatus(
            id: identity.node.hex, name: identity.name.text, cluster: agent.trust.root.value.clusterName.text,
            labels: agent.configuration.labels, listen: agent.switchboard.listening?.description ?? "",
            software: Software.name, startedAt: agent.startedAt.description, state: agent.health.rawValue,
            certificateExpires: identity.certificate.validity.notAfter.description, issuer: agent.trust.issuer != nil)
    }

    // MARK: Neighbours

    private func neighbours() -> [NeighbourStatus] {
        let reports = Dictionary(
            agent.driver.core.neighbourReports(now: Clock.now()).map { ($0.node, $0) },
            uniquingKeysWith: { first, _ in first })
        let known = agent.directory.records.values.sorted { ($0.name, $0.node) < ($1.name, $1.node) }
            .map { status(of: $0, reports[$0.node]) }
        let unreachable = agent.directory.unreachable.sorted { $0.key < $1.key }.map { peer, why in
            NeighbourStatus(
                id: "", name: "", address: peer, state: "connecting", reason: why, roundTripMs: 0, receivedBytes: 0,
                sentBytes: 0)
        }
        return known + unreachable
    }

    private func status(of record: NeighbourDirectory.Record, _ report: NeighbourReport?) -> NeighbourStatus {
        let (state, reason) = words(for: record, report)
        return NeighbourStatus(
            id: record.node.hex, name: record.name, address: record.address, state: state, reason: reason,
            roundTripMs: report?.roundTrip?.wholeMilliseconds ?? 0, receivedBytes: record.receivedByteCount,
            sentBytes: record.sentByteCount)
    }

    private func words(
        for record: NeighbourDirectory.Record, _ report: NeighbourReport?
    ) -> (state: String, reason: String) {
        if case .setAside(let reason, _)? = report?.state {
            let detail = record.reason.isEmpty || record.reason == "\(reason)" ? "" : " (\(record.reason))"
            return ("set-aside", "\(reason)\(detail)")
        }
        guard agent.switchboard.links[record.node] != nil else { return ("gone", record.reason) }
        let fault = report.map(fault) ?? ""
        switch report?.state {
        case .busy: return ("busy", fault.isEmpty ? "it asked to be left alone for a while" : fault)
        case .silent: return ("connected", "silent with requests open")
        default: return ("connected", fault)
        }
    }

    /// What a connected neighbour did not do well enough to be let off without a word.
    private func fault(of report: NeighbourReport) -> String {
        if report.stallCount > 0 { return "it fell silent with requests open, \(report.stallCount) in a row" }
        return report.slowCount > 0 ? "far slower than other sources" : ""
    }

    // MARK: Fetches

    private func fetches() -> [FetchStatus] {
        agent.library.entries.values.sorted { ($0.model, $0.digest) < ($1.model, $1.digest) }
            .compactMap { agent.book.status(of: $0) }
    }

    private func slowestNeighbour(with entry: LibraryEntry) -> SlowestNeighbour? {
        guard let laggard = agent.driver.core.laggard(of: entry.digest, now: Clock.now()) else { return nil }
        return SlowestNeighbour(
            id: laggard.node.hex, name: agent.directory.records[laggard.node]?.name ?? "",
            chunks: laggard.chunkCount, chunksTotal: entry.layout?.chunkCount ?? 0,
            quietSeconds: Double(laggard.quiet.wholeMilliseconds) / 1000, cause: laggard.cause.rawValue)
    }

    // MARK: Models

    private func models() -> [ModelStatus] {
        var rows = agent.library.entries.values.sorted { ($0.model, $0.digest) < ($1.model, $1.digest) }.map(row)
        for channel in agent.channels.followed where agent.trust.heads[channel] == nil {
            rows.append(ModelStatus(model: channel.model.text, channel: channel.channel.text))
        }
        return rows.sorted { ($0.model, $0.version) < ($1.model, $1.version) }
    }

    private func row(_ entry: LibraryEntry) -> ModelStatus {
        let channel = agent.channels.followed.first {
            $0.model == entry.model && agent.trust.heads[$0]?.value.version == entry.digest
        }
        var row = ModelStatus(
            model: entry.model.text, version: entry.digest.hex, tag: entry.manifest?.value.tag.text ?? "",
            channel: channel?.channel.text ?? "", variant: entry.variant.text, state: state(of: entry))
        row.bytesTotal = bytesTotal(of: entry)
        row.bytesVerified = bytesVerified(of: entry)
        row.error = error(of: entry)
        row.stale = channel.flatMap { agent.trust.heads[$0] }?.value.isStale(at: Clock.wallTime()) ?? false
        row.current = agent.store.current(entry.model)?.version == entry.digest
        let received = agent.store.received(entry.key)
        row.receivedBytes = .init(
            neighbour: received.neighbour.value, origin: received.origin.value, local: received.local.value)
        row.wastedBytes = max(
            received.wasted.value, agent.driver.core.versionReport(entry.digest, now: Clock.now())?.wastedByteCount ?? 0
        )
        row.serving = serving(entry)
        row.slowestNeighbour = slowestNeighbour(with: entry)
        return row
    }

    private func state(of entry: LibraryEntry) -> String {
        guard entry.phase == .ready, let machine = agent.rollouts.machines[entry.model] else {
            return entry.phase.rawValue
        }
        switch machine.state(of: entry.digest) {
        case .loading: return "loading"
        case .checking: return "checking"
        case .serving: return "serving"
        case .failed: return "failed"
        case .waiting, .ready: return "ready"
        }
    }

    private func error(of entry: LibraryEntry) -> String {
        if agent.trust.denyList.isDenied(entry.digest, of: entry.model) {
            return agent.rollouts.machines[entry.model]?.error(of: entry.digest) ?? "denied"
        }
        if !entry.error.isEmpty { return entry.error }
        return damage(of: entry) ?? agent.rollouts.machines[entry.model]?.error(of: entry.digest) ?? ""
    }

    /// What the last check found wrong. The store knows it, so that it goes when a check finds all right again.
    private func damage(of entry: LibraryEntry) -> String? {
        guard entry.phase == .ready, let variant = agent.store.committed(entry.key), variant.isDamaged else {
            return nil
        }
        let files = variant.suspectFiles.isEmpty ? "" : ": \(variant.suspectFiles.map(\.text).joined(separator: ", "))"
        let chunks = variant.damaged.isEmpty ? "" : ", \(variant.damaged.count) chunks"
        return "damaged on disk\(files)\(chunks)"
    }

    private func serving(_ entry: LibraryEntry) -> ModelStatus.Serving? {
        let servings = agent.rollouts.machines[entry.model]?.servings ?? []
        guard let first = servings.first(where: { $0.digest == entry.digest }) else { return nil }
        let age = Clock.now() - first.since
        let since = WallTime(secondsSince1970: Clock.wallTime().secondsSince1970 - age.components.seconds)
        return .init(version: first.digest.hex, tag: first.tag?.text ?? "", since: since.description)
    }

    private func bytesTotal(of entry: LibraryEntry) -> Int64 {
        entry.manifest?.value.variant(entry.variant)?.byteCount.value ?? 0
    }

    /// In terms of the files: a chunk that occurs twice counts twice once all is there.
    private func bytesVerified(of entry: LibraryEntry) -> Int64 {
        switch entry.phase {
        case .ready: return bytesTotal(of: entry)
        case .verifying: return entry.hashedByteCount
        default:
            let report = agent.driver.core.versionReport(entry.digest, now: Clock.now())
            return min(report?.heldByteCount ?? 0, bytesTotal(of: entry))
        }
    }
}
