import OrderedCollections
import Units
import Wire

/// The nodes that are not spoken to for a while, each after a fault that has a name. The first time lasts 30 s, each
/// further one twice as long up to an hour, and what was learned is halved with each hour in which nothing happened.
struct SetAsideBook: Sendable {
    struct Entry: Sendable {
        var duration: Duration
        var until: Instant
        var reason: GoodbyeCode
    }

    private(set) var entries: OrderedDictionary<NodeID, Entry> = [:]

    /// Until when the node is set aside.
    mutating func add(_ node: NodeID, because reason: GoodbyeCode, at now: Instant) -> Instant {
        let duration = nextDuration(of: node, at: now)
        let entry = Entry(duration: duration, until: now + duration, reason: reason)
        entries[node] = entry
        if entries.count > Limits.setAsideCountMax { dropTheMildest(but: node) }
        return entry.until
    }

    /// Nil if the node may be spoken to.
    func entry(of node: NodeID, at now: Instant) -> Entry? {
        guard let entry = entries[node], entry.until > now else { return nil }
        return entry
    }

    private func nextDuration(of node: NodeID, at now: Instant) -> Duration {
        guard let old = entries[node] else { return Limits.setAsideDurationMin }
        var duration = old.duration * 2
        var quietSince = old.until + Limits.setAsideDurationMax
        while quietSince <= now, duration > Limits.setAsideDurationMin {
            duration = duration / 2
            quietSince = quietSince + Limits.setAsideDurationMax
        }
        return min(max(duration, Limits.setAsideDurationMin), Limits.setAsideDurationMax)
    }

    private mutating func dropTheMildest(but node: NodeID) {
        let others = entries.filter { $0.key != node }
        if let mildest = others.min(by: { $0.value.until < $1.value.until }) { entries[mildest.key] = nil }
    }
}
