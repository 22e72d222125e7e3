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

    mutating func moveStragglers(of version: Digest) {
        guard let place = exchanges.index(forKey: version), exchanges.values[place].wanted.isEmpty,
            !exchanges.values[place].pending.isEmpty
        else { return }
        wake(by: clock + Swarm.stragglerPause)
        guard downlink.current(at: clock) < downlinkPeak / 4 else { return }
        let old = neighbours.values.flatMap { neighbour in
            neighbour.requests.values.filter { isStraggler($0, of: version) }
        }
        for request in old {
            guard let source = idleSource(of: request.ticket) else { continue }
            lose(request)
            ask(source, version, request.ticket.chunk)
        }
    }

    private func isStraggler(_ request: Neighbour.Request, of version: Digest) -> Bool {
        guard request.ticket.version == version, request.received == 0 else { return false }
        return clock - request.sentAt >= Swarm.stragglerAge * patienceFactor(for: request)
    }

    /// One of those inside, if one there holds the chunk.
    private mutating func idleSource(of ticket: ChunkTicket) -> NodeID? {
        guard let exchange = exchanges[ticket.version] else { return nil }
        let isInside = exchange.crossings?.isInside(ticket.chunk) ?? false
        var idle: [NodeID] = []
        for neighbour in neighbours.values
        where neighbour.node != ticket.source && neighbour.requests.isEmpty && neighbour.isUsable(at: clock) {
            guard let view = exchange.views[neighbour.node], view.mayBeAsked(for: ticket.chunk) else { continue }
            if view.isInside || !isInside { idle.append(neighbour.node) }
        }
        return idle.randomElement(using: &random)
    }
}
