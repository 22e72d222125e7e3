import Swarm
import Units
import Wire

/// A node's beginning, its plan and its end.
extension Shard {
    func start(_ node: SimulatedNode) {
        node.isAlive = true
        feed(node, .peersConfigured(count: node.profile.peers.count))
        post(.watch, to: node.index, at: now + 1_000_000_000, by: node)
    }

    /// The version is published, or its layout has come.
    func plan(_ node: SimulatedNode) {
        guard node.isAlive else { return }
        let count = setting.chunkByteCounts.count
        let isSeed = node.profile.isSeed
        if isSeed {
            node.completedAt = now
            for chunk in 0..<count { _ = node.ledger.store(ChunkIndex(UInt32(chunk))) }
        }
        let plan = VersionPlan(
            version: setting.version, model: setting.model, chunkByteCounts: setting.chunkByteCounts,
            held: isSeed ? .full(capacity: count) : ChunkSet(capacity: count), needed: .full(capacity: count),
            seeding: node.index == 0 ? .directing : .ordinary)
        feed(node, .versionAdded(plan))
    }

    /// The process ends; the kernel resets its connections.
    func die(_ node: SimulatedNode) {
        node.isAlive = false
        for link in node.links where link.state == .open {
            post(.reset(link.peer), to: link.peer.node, at: now + link.delay, by: node)
        }
    }
}
