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
        let old = stragglers(of: version)
        guard !old.isEmpty else { return }
        // Whoever loses a request here is no better for another.
        var idle = neighbours.values.filter { $0.requests.isEmpty && $0.isUsable(at: clock) }.map { $0.node }
        for request in old {
            guard let source = soonest(of: idle, for: request) else { continue }
            idle.removeAll { $0 == source }
            lose(request)
            guard exchanges[version]?.wanted.contains(request.ticket.chunk) == true else { continue }
            ask(source, version, request.ticket.chunk)
        }
    }

    /// Those that are farthest from their end first.
    private func stragglers(of version: Digest) -> [Neighbour.Request] {
        let old = neighbours.values.indices.flatMap { place in
            let wait = downlinkWait(forNeighbourAt: place)
            return neighbours.values[place].requests.values.filter {
                $0.ticket.version == version && isStraggler($0, behind: wait)
            }
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
        return restDuration(of: request).map { $0 >= limit } ?? true
    }

    /// How long the rest takes at the rate since the first byte; nil if nothing came.
    private func restDuration(of request: Neighbour.Request) -> Duration? {
        request.beganAt.map { (clock - $0) * (request.byteCount - request.received) / max(1, request.received) }
    }

    /// Nil if none is expected to be sooner than the source.
    private mutating func soonest(of idle: [NodeID], for request: Neighbour.Request) -> NodeID? {
        guard let best = soonestHolder(of: request.ticket.chunk, of: request.ticket.version, among: idle),
            best.wait < restDuration(of: request)?.inSeconds ?? .infinity
        else { return nil }
        return best.node
    }

    /// Who of these will probably send the chunk soonest, ties at random: one of those inside, if one there holds it.
    mutating func soonestHolder(
        of chunk: ChunkIndex, of version: Digest, among nodes: [NodeID]
    ) -> (node: NodeID, wait: Double)? {
        guard let exchange = exchanges[version] else { return nil }
        let isInside = exchange.crossings?.isInside(chunk) ?? false
        var best: (node: NodeID, wait: Double)?
        for node in nodes.shuffled(using: &random) {
            guard let view = exchange.views[node], view.mayBeAsked(for: chunk), view.isInside || !isInside,
                let wait = neighbours[node]?.expectedWait(
                    at: clock, turns, neighbourCount: neighbours.count, usualByteCount: exchange.meanByteCount),
                wait < best?.wait ?? .infinity
            else { continue }
            best = (node, wait)
        }
        return best
    }
}
