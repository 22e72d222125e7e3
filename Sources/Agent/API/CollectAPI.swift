internal import Control
internal import EventLoop
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// `shoal gc`.
@LoopActor
struct CollectAPI {
    let agent: Agent

    func attach(to server: ControlServer) {
        server.answer(CollectVersions.self) { (request, _) throws(ControlError) in try await collect(request) }
    }

    private func collect(_ request: CollectVersions) async throws(ControlError) -> CollectReport {
        do throws(StoreError) {
            let plan = await agent.disk.plan()
            let before = try await agent.store.freeByteCount()
            if !request.dryRun { try await agent.disk.collect() }
            let after = try await agent.store.freeByteCount()
            let left = Set(agent.store.committed.map(\.key))
            let items = plan.items.map { item in
                item.report(
                    tag: tag(item), deleted: request.dryRun ? item.keptBecause == nil : !left.contains(item.variant.key)
                )
            }
            return CollectReport(items: items, freedBytes: request.dryRun ? 0 : max(0, after.value - before.value))
        } catch {
            throw error.controlError
        }
    }

    private func tag(_ item: CollectionPlan.Item) -> String {
        agent.trust.manifest(item.variant.key.version)?.value.tag.text ?? ""
    }
}

extension CollectionPlan.Item {
    fileprivate func report(tag: String, deleted: Bool) -> CollectReport.Item {
        CollectReport.Item(
            model: variant.model.text, version: variant.key.version.hex, tag: tag, variant: variant.key.variant.text,
            bytes: variant.byteCount.value, deleted: deleted, keptBecause: keptBecause?.rawValue ?? "")
    }
}
