import OrderedCollections
import Units
import Wire

/// Too many neighbours.
///
/// The first nodes of a cluster are the only ones that those who come next know, so they fill up with each other, and
/// the last ones have just the few whom they dialled. In such a graph a version spreads from group to group: 50 nodes
/// ended at 1.07 of the limit that way and 100 at 1.17, and in a random one of like degrees at 1.05 and 1.12
/// (simulated, the rest being equal). So whoever has more neighbours than it needs ends some of these connections
/// while nothing is on its way. The other side dials somebody else of whom it has learned meanwhile, at random, and
/// the graph becomes a random one. Only a node that another neighbour says to be linked to is let go, so that the graph
/// stays in one piece.
extension Swarm {
    /// Where labels name a place, its own rules say how many neighbours there are.
    private var surplus: Int {
        guard place == 0 else { return 0 }
        let isDirecting = exchanges.values.contains { $0.direction?.isAnnounced ?? false }
        let ample = isDirecting ? Limits.neighbourCountAmpleDirecting : Limits.neighbourCountAmple
        return neighbours.count - max(ample, limits.neighbourCountTarget)
    }

    mutating func planShedding() {
        guard shedAt == nil, surplus > 0 else { return }
        shedAt = clock + Limits.sheddingPause
        wake(by: clock + Limits.sheddingPause)
    }

    /// A quarter at a time, so that not everybody looks for others at once.
    mutating func shedSurplus() {
        guard let moment = shedAt, moment <= clock else { return }
        shedAt = nil
        if surplus > 0, isIdle {
            for _ in 0..<(surplus + 3) / 4 {
                guard let node = neighbours.keys.filter(isLinkedOtherwise).randomElement(using: &random) else { break }
                emit(.disconnect(node, because: .busy))
                forget(node)
            }
        }
        planShedding()
    }

    private func isLinkedOtherwise(_ node: NodeID) -> Bool {
        guard let teller = addresses.learned[node]?.teller else { return false }
        return neighbours.index(forKey: teller) != nil
    }

    private var isIdle: Bool {
        uploads.isEmpty && queuedUploadCount == 0 && exchanges.values.allSatisfy { $0.isSatisfied }
    }
}
