internal import Crypto
internal import EventLoop
internal import Units
internal import Wire

/// What this agent remembers of the nodes that it met, for people: names, addresses, payload, and why one is gone.
///
/// Bounded; the node that has been gone for longest is forgotten first.
@LoopActor
final class NeighbourDirectory {
    /// A class: payload is counted for each chunk, and a value would be copied for that, texts and all.
    @LoopActor
    final class Record {
        let node: NodeID
        fileprivate(set) var name = ""
        fileprivate(set) var address = ""
        fileprivate(set) var receivedByteCount: Int64 = 0
        fileprivate(set) var sentByteCount: Int64 = 0
        fileprivate(set) var goneSince: Instant?
        fileprivate(set) var reason = ""

        init(node: NodeID) { self.node = node }
    }

    private(set) var records: [NodeID: Record] = [:]
    /// Payload of all nodes since the agent started, also of those that were forgotten.
    private(set) var receivedByteCount: Int64 = 0
    /// See above.
    private(set) var sentByteCount: Int64 = 0
    /// Peers that were dialled in vain, by name: they have no node id yet.
    private(set) var unreachable: [String: String] = [:]

    /// A node proved who it is.
    func meet(_ link: NeighbourLink, at endpoint: Endpoint?) {
        let record = records[link.node] ?? Record(node: link.node)
        record.name = link.identity.name.text
        record.address = (endpoint ?? link.remote).description
        record.goneSince = nil
        record.reason = ""
        records[link.node] = record
        forgetOldest()
    }

    /// Its connection ended, or it was refused.
    func part(_ link: NeighbourLink, because reason: String) {
        if records[link.node] == nil { meet(link, at: nil) }
        records[link.node]?.goneSince = Clock.now()
        records[link.node]?.reason = reason
    }

    func addPayload(_ node: NodeID, received: Int, sent: Int) {
        receivedByteCount += Int64(received)
        sentByteCount += Int64(sent)
        guard let record = records[node] else { return }
        record.receivedByteCount += Int64(received)
        record.sentByteCount += Int64(sent)
    }

    /// A peer's address leads to nobody.
    func noteUnreachable(_ peer: String, _ why: String) { unreachable[peer] = why }

    /// It led to somebody.
    func noteReached(_ peer: String) { unreachable[peer] = nil }

    private func forgetOldest() {
        guard records.count > Limits.connectionCountMax else { return }
        let gone = records.values.compactMap { record in record.goneSince.map { (record.node, $0) } }
        if let oldest = gone.min(by: { $0.1 < $1.1 }) { records[oldest.0] = nil }
    }
}
