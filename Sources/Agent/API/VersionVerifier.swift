internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Swarm
internal import Units

/// `shoal verify`: hash what is on disk again; what is damaged is withdrawn.
@LoopActor
struct VersionVerifier {
    let agent: Agent
    let progress: ControlServer.ProgressSink

    func verify(_ request: VerifyVersions) async throws(ControlError) -> VerifyReport {
        let entries = try chosen(request)
        let total = entries.reduce(0) { $0 + (agent.store.committed($1.key)?.byteCount.value ?? 0) }
        var done: Int64 = 0
        var items: [VerifyReport.Item] = []
        for entry in entries {
            let before = done
            let report: VerificationReport
            do throws(StoreError) {
                report = try await agent.store.verify(entry.key) { [progress] in
                    progress(ControlProgress(stage: "verifying", done: before + $0.value, total: total))
                }
            } catch {
                throw error.controlError
            }
            done += report.checkedByteCount.value
            withdraw(report, entry)
            items.append(item(report, entry))
        }
        return VerifyReport(items: items)
    }

    private func chosen(_ request: VerifyVersions) throws(ControlError) -> [LibraryEntry] {
        let complete = agent.library.entries.values.filter { agent.store.committed($0.key) != nil }
            .sorted { ($0.model, $0.digest) < ($1.model, $1.digest) }
        guard let model = request.model else { return complete }
        if let version = request.version {
            let manifest = try agent.find(model, version: version, channel: nil)
            guard let entry = complete.first(where: { $0.digest == manifest.digest }) else {
                throw ControlError(.notFound, "\(model)@\(version) is not complete on this node")
            }
            return [entry]
        }
        let entries = complete.filter { $0.model.text == model }
        guard !entries.isEmpty else { throw ControlError(.notFound, "no version of \(model) is complete on this node") }
        return entries
    }

    private func withdraw(_ report: VerificationReport, _ entry: LibraryEntry) {
        for chunk in report.damaged { agent.driver.handle(.chunkRechecked(entry.digest, chunk, .damaged)) }
        // What an earlier check had withdrawn, and is right again, is offered again.
        guard let available = agent.store.available(entry.digest) else { return }
        agent.driver.handle(.chunksFound(entry.digest, available.indices))
    }

    private func item(_ report: VerificationReport, _ entry: LibraryEntry) -> VerifyReport.Item {
        VerifyReport.Item(
            model: entry.model.text, version: entry.digest.hex, tag: entry.manifest?.value.tag.text ?? "",
            bytes: report.checkedByteCount.value, damagedFiles: report.damagedFiles.map(\.text),
            damagedChunks: max(report.damaged.count, report.isIntact ? 0 : 1))
    }
}
