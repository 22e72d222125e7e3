import OrderedCollections
import Units

/// The end of a fetch: nothing is left to ask for, and what was asked of slow or busy
/// sources still waits in their queues.
///
/// There is no general endgame, in which chunks are asked for twice. But a request that has not begun is taken from its
/// source and given to one that holds the chunk and has nothing to do for this agent, unless so much arrives that the
/// chunk may well be on its way.
extension Swarm {
    private static let stragglerAge = Duration.milliseconds(500)
    private static let stragglerPause = Duration.milliseconds(250)

    func stragglerDeadline(of exchange: VersionExchange) -> Instant? {
        exchange.wanted.isEmpty && !exchange.pending.isEmpty ? clock + Swarm.stragglerPause : nil
    }

    mutating func moveStragglers(of version: Digest) {
        guard let exchange = exchanges[version], exchange.wanted.isEmpty, !exchange.pending.isEmpty,
            downlink.current(at: clock) < downlinkPeak / 4
        else { return }
        let old = neighbours.values.flatMap { neighbour in
            neighbour.requests.values.filter { isStraggler($0, of: version) }
        }
        for request in old {
            guard let source = idleSource(of: request.ticket) else { continue }
            giveUp(request, by: .asker)
            ask(source, version, request.ticket.chunk)
        }
    }

    private func isStraggler(_ request: Neighbour.Request, of version: Digest) -> Bool {
        request.ticket.version == version && request.received == 0 && clock - request.sentAt >= Swarm.stragglerAge
    }

    private mutating func idleSource(of ticket: ChunkTicket) -> NodeID? {
        guard let views = exchanges[ticket.version]?.views else { return nil }
        var idle: [NodeID] = []
        for neighbour in neighbours.values
        where neighbour.node != ticket.source && neighbour.requests.isEmpty && neighbour.isUsable(at: clock) {
            if views[neighbour.node]?.mayBeAsked(for: ticket.chunk) == true { idle.append(neighbour.node) }
        }
        return idle.randomElement(using: &random)
    }
}
