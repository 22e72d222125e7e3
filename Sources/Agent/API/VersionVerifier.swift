internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Swarm
internal import Trust
internal import Units

/// `shoal verify`: hash what is on disk again; what is damaged is withdrawn and mended.
@LoopActor
struct VersionVerifier {
    let agent: Agent
    let progress: ControlServer.ProgressSink

    func verify(_ request: VerifyVersions) async throws(ControlError) -> VerifyReport {
        let variants = try chosen(request)
        let total = variants.reduce(0 as Int64) { $0 + $1.byteCount.value }
        var done: Int64 = 0
        var items: [VerifyReport.Item] = []
        for variant in variants {
            let before = done
            let report: VerificationReport
            do throws(StoreError) {
                report = try await agent.store.verify(variant.key) { [progress] in
                    progress(ControlProgress(stage: "verifying", done: before + $0.value, total: total))
                }
            } catch {
                throw error.controlError
            }
            done += report.checkedByteCount.value
            agent.library.offerAgain(variant.key.version)
            items.append(item(report, variant))
        }
        if let seconds = request.repairSeconds {
            let wait = Duration.seconds(min(max(0, seconds), Limits.waitSecondsMax))
            try await awaitRepairs(of: variants.map(\.key), &items, until: Clock.now() + wait)
        }
        return VerifyReport(items: items)
    }

    /// The damage that was found is being mended by now.
    private func awaitRepairs(
        of keys: [VariantKey], _ items: inout [VerifyReport.Item], until deadline: Instant
    ) async throws(ControlError) {
        for (number, key) in keys.enumerated() where items[number].damagedChunks > 0 {
            while agent.library.isRepairing(key.version), Clock.now() < deadline {
                try await pause(.milliseconds(100))
            }
            items[number].repaired = agent.store.committed(key)?.isDamaged == false
        }
    }

    /// Complete variants, by model, version and variant.
    private func chosen(_ request: VerifyVersions) throws(ControlError) -> [CommittedVariant] {
        let complete = agent.store.committed.filter { agent.library.entries[$0.key.version]?.phase == .ready }
        guard let model = request.model else { return complete }
        if let version = request.version {
            let manifest = try agent.find(model, version: version, channel: nil)
            let found = complete.filter { $0.key.version == manifest.digest }
            guard !found.isEmpty else {
                throw ControlError(.notFound, "\(model)@\(version) is not complete on this node")
            }
            return found
        }
        let found = complete.filter { $0.model.text == model }
        guard !found.isEmpty else { throw ControlError(.notFound, "no version of \(model) is complete on this node") }
        return found
    }

    private func item(_ report: VerificationReport, _ variant: CommittedVariant) -> VerifyReport.Item {
        let manifest = agent.trust.manifest(variant.key.version)?.value
        return VerifyReport.Item(
            model: variant.model.text, version: variant.key.version.hex, tag: manifest?.tag.text ?? "",
            variant: variant.key.variant.text, bytes: report.checkedByteCount.value,
            damagedFiles: report.damagedFiles.map(\.text),
            damagedChunks: max(report.damaged.count, report.isIntact ? 0 : 1))
    }
}
