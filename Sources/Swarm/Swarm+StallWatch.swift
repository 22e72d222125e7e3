import OrderedCollections
import Units
import Wire

/// When a source loses what was asked of it.
///
/// A connection is silent when nothing at all came for three times its usual gap, or longer where this agent's own
/// downlink is slow; it is asked for a sign of life (PING) after half of that, so that a source which merely has others
/// to serve is not taken for dead. A chunk that began to come and stopped counts as silence too. A source that gives
/// far less than the others loses after three seconds what has not begun. Only requests that somebody else could answer
/// are taken away; only such a chunk is asked for twice.
extension Swarm {
    private static let paceWindow = Duration.seconds(3)
    /// A living source may leave a request unanswered for that long, if nothing else is wrong.
    private static let patience = Duration.seconds(30)
    /// What is under way on a slow downlink may keep a source silent for that long, in seconds.
    private static let downlinkWaitMax = 60.0
    private static let silentRecheck = Duration.milliseconds(500)
    /// While something is asked for, the sources are looked at that often, or sooner.
    static let watchPause = Duration.milliseconds(250)

    func watchDeadline(ofNeighbourAt place: Int) -> Instant {
        if neighbours.values[place].isSilent { return neighbours.values[place].lastStallCheck + Swarm.silentRecheck }
        return min(dueAt(ofNeighbourAt: place), clock + Swarm.watchPause)
    }

    // By place, here and below: to hand a neighbour over would copy all of it, for each at each alarm.
    private func dueAt(ofNeighbourAt place: Int) -> Instant {
        let limit = silenceLimit(ofNeighbourAt: place)
        let sign = heardAt(ofNeighbourAt: place).nanoseconds + (neighbours.values[place].isProbed ? limit : limit / 2)
        var due = min(sign, (neighbours.values[place].paceSince + Swarm.paceWindow).nanoseconds)
        if let stop = stopDue(ofNeighbourAt: place, limit: limit) { due = min(due, stop) }
        return Instant(nanoseconds: due)
    }

    private func heardAt(ofNeighbourAt place: Int) -> Instant {
        max(neighbours.values[place].lastHeard, neighbours.values[place].waitingSince)
    }

    /// The connection's own limit, and where this agent's downlink is slow, the time that it takes to bring what is
    /// under way: what a source sent may queue behind all of it.
    private func silenceLimit(ofNeighbourAt place: Int) -> Int64 {
        max(neighbours.values[place].silenceLimit, downlinkWait(forNeighbourAt: place).wholeNanoseconds)
    }

    /// How long what was sent may queue before this agent's own downlink; no source is to blame for that, unless all
    /// that is awaited is to come from it.
    func downlinkWait(forNeighbourAt place: Int) -> Duration {
        neighbours.values[place].outstandingByteCount < outstandingByteCount ? downlinkWait : .zero
    }

    var downlinkWait: Duration {
        let rate = max(downlinkPeak, downlink.bytesPerSecond)
        guard rate > 0 else { return .zero }
        return .nanoseconds(Int64(min(Double(outstandingByteCount) / rate * 1.5, Swarm.downlinkWaitMax) * 1e9))
    }

    /// When what began to come and stopped is lost; nil if nothing began.
    private func stopDue(ofNeighbourAt place: Int, limit: Int64) -> Int64? {
        var factor: Int64?
        for request in neighbours.values[place].requests.values where request.received > 0 {
            factor = min(factor ?? .max, patienceFactor(for: request))
        }
        return factor.map { neighbours.values[place].lastData.nanoseconds + limit * $0 }
    }

    mutating func watchSources() {
        // Backwards, since a neighbour that is given up leaves its place.
        for place in neighbours.values.indices.reversed() {
            if let until = neighbours.values[place].backOffUntil, until <= clock {
                neighbours.values[place].backOffUntil = nil
                reviseUse(of: neighbours.keys[place])
            }
            if isDue(place) { watch(neighbours.keys[place]) }
        }
    }

    private func isDue(_ place: Int) -> Bool {
        guard neighbours.values[place].outstandingByteCount > 0 else { return false }
        guard !neighbours.values[place].isSilent else {
            return neighbours.values[place].lastStallCheck + Swarm.silentRecheck <= clock
        }
        return dueAt(ofNeighbourAt: place) <= clock
    }

    private mutating func watch(_ node: NodeID) {
        guard let place = neighbours.index(forKey: node) else { return }
        if neighbours.values[place].isSilent {
            neighbours.values[place].lastStallCheck = clock
            takeAway(from: node)
            return
        }
        let silenceLimit = silenceLimit(ofNeighbourAt: place)
        let limit = Duration.nanoseconds(silenceLimit)
        let heard = heardAt(ofNeighbourAt: place)
        let hasStopped = stopDue(ofNeighbourAt: place, limit: silenceLimit).map { $0 <= clock.nanoseconds } ?? false
        if heard + limit <= clock || hasStopped {
            noteSilence(of: node)
        } else if heard + limit / 2 <= clock, !neighbours.values[place].isProbed {
            neighbours.values[place].isProbed = true
            emit(.probe(node))
        }
        checkPace(of: node)
    }

    private mutating func noteSilence(of node: NodeID) {
        neighbours[node]?.isSilent = true
        neighbours[node]?.isSuspect = true
        neighbours[node]?.lastStallCheck = clock
        // A source that answers, but not with what was begun, is left alone for a while.
        backOff(node, until: clock + .seconds(1))
        let lostCount = takeAway(from: node)
        if lostCount > 0 {
            noteFault(\.silenceCount, of: node)
            emit(.note(.sourceSilent(node, requestCount: lostCount)))
        }
        countLoss(of: node, isSoleSource: lostCount == 0)
    }

    /// Takes away what another could answer; returns how many requests that are.
    @discardableResult
    private mutating func takeAway(from node: NodeID) -> Int {
        takeAway(neighbours[node].map { Array($0.requests.values) } ?? [])
    }

    private mutating func takeAway(_ requests: [Neighbour.Request]) -> Int {
        let movable = requests.filter { hasAlternative(to: $0.ticket) }
        for request in movable { lose(request) }
        return movable.count
    }

    /// Of what was asked of it nothing came for so long, or for longer where other sources lost the chunk before.
    private func unbegunRequests(of node: NodeID, after age: Duration) -> [Neighbour.Request] {
        guard let place = neighbours.index(forKey: node) else { return [] }
        let usualAge = max(age, downlinkWait(forNeighbourAt: place))
        return neighbours.values[place].requests.values.filter {
            $0.received == 0 && clock - $0.sentAt >= usualAge * patienceFactor(for: $0)
        }
    }

    private func hasAlternative(to ticket: ChunkTicket) -> Bool {
        guard let exchange = exchanges[ticket.version] else { return true }
        return exchange.views.contains { node, view in
            guard node != ticket.source, view.isDirecting || view.contains(ticket.chunk) else { return false }
            return neighbours[node]?.isUsable(at: clock) ?? false
        }
    }

    // MARK: Pace

    /// Ends the neighbour's window of three seconds, if it is over, and judges what came in it.
    private mutating func checkPace(of node: NodeID) {
        guard let place = neighbours.index(forKey: node), !neighbours.values[place].requests.isEmpty,
            clock - neighbours.values[place].paceSince >= Swarm.paceWindow
        else { return }
        let duration = clock - neighbours.values[place].paceSince
        let pace = Double(neighbours.values[place].paceByteCount) / duration.inSeconds
        neighbours.values[place].lastPace = pace
        neighbours.values[place].paceSince = clock
        neighbours.values[place].paceByteCount = 0
        guard !giveUpOldRequests(of: node), !giveUpDrippingRequests(of: node) else { return }
        guard let median = medianPace(but: node), pace * 20 < median else { return }
        // What has begun to come is nearer its end here than anywhere else.
        let lostCount = takeAway(unbegunRequests(of: node, after: Swarm.paceWindow))
        guard lostCount > 0 else { return }
        let pause = min(60, 5 << min(4, neighbours[node]?.slowCount ?? 0))
        neighbours[node]?.slowCount += 1
        backOff(node, until: clock + .seconds(pause))
        noteFault(\.slowCount, of: node)
        emit(.note(.sourceSlow(node, requestCount: lostCount)))
    }

    /// What the other sources give; nil if there is no other.
    private func medianPace(but node: NodeID) -> Double? {
        let paces = neighbours.values
            .filter { $0.node != node && !$0.requests.isEmpty }
            .map { max($0.lastPace ?? 0, $0.rate.bytesPerSecond) }
            .sorted()
        return paces.isEmpty ? nil : paces[paces.count / 2]
    }

    /// The source lives but never began: the same chunks are asked for again, perhaps of the same source. True if
    /// anything was given up.
    private mutating func giveUpOldRequests(of node: NodeID) -> Bool {
        let old = unbegunRequests(of: node, after: Swarm.patience)
        guard !old.isEmpty else { return false }
        for request in old { lose(request) }
        countLoss(of: node)
        return true
    }
}
