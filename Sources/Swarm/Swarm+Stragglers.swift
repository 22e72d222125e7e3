import OrderedCollections
import Units

/// The end of a fetch: nothing is left to ask for, and what was asked of slow or busy sources still waits there.
///
/// There is no general endgame, in which chunks are asked for twice. But a request that takes far longer than usual,
/// and whose end is as far away, is taken from its source and given to one that holds the chunk and has nothing to do
/// for this agent.
extension Swarm {
    private static let stragglerAgeMin = Duration.milliseconds(250)
    /// If that is more: so many times longer than a chunk usually takes.
    private static let stragglerTurnCount = 3.0
    private static let stragglerPause = Duration.milliseconds(250)

    mutating func moveStragglers(of version: Digest) {
        guard let place = exchanges.index(forKey: version), exchanges.values[place].wanted.isEmpty,
            !exchanges.values[place].pending.isEmpty, turns.count > 0
        else { return }
        wake(by: clock + Swarm.stragglerPause)
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
        guard request.ticket.version == version else { return false }
        let usual = Duration.nanoseconds(Int64(min(turns.usualSeconds * Swarm.stragglerTurnCount, 60) * 1e9))
        let limit = max(Swarm.stragglerAgeMin, usual) * patienceFactor(for: request)
        let age = clock - request.sentAt
        // At its rate so far the rest takes that long again.
        return age >= limit && age * (request.byteCount - request.received) >= limit * request.received
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
