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
        for request in stragglers(of: version) {
            guard let source = idleSource(of: request.ticket) else { continue }
            lose(request)
            guard exchanges[version]?.wanted.contains(request.ticket.chunk) == true else { continue }
            ask(source, version, request.ticket.chunk)
        }
    }

    /// Those that are farthest from their end first.
    private func stragglers(of version: Digest) -> [Neighbour.Request] {
        let old = neighbours.values.flatMap { neighbour in
            let wait = downlinkWait(for: neighbour)
            return neighbour.requests.values.filter { $0.ticket.version == version && isStraggler($0, behind: wait) }
        }
        return old.sorted { ($0.received, $1.sentAt) < ($1.received, $0.sentAt) }
    }

    /// What was moved as often as patience may grow stays where it is: all who have it are slow.
    private func isStraggler(_ request: Neighbour.Request, behind downlinkWait: Duration) -> Bool {
        let factor = patienceFactor(for: request)
        guard factor < 1 << Limits.patienceDoublingCountMax else { return false }
        let usual = min(turns.usualSecondsPerByte * Double(request.byteCount) * Swarm.stragglerTurnCount, 60)
        let limit = max(Swarm.stragglerAgeMin, .nanoseconds(Int64(usual * 1e9)), downlinkWait) * factor
        guard clock - request.sentAt >= limit else { return false }
        guard let began = request.beganAt else { return true }
        // At the rate of what has come the rest takes that long.
        return (clock - began) * (request.byteCount - request.received) >= limit * request.received
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
