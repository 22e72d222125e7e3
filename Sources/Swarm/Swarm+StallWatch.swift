import OrderedCollections
import Units
import Wire

/// When a source loses what was asked of it.
///
/// A connection is silent when nothing at all came for three times its usual gap, or longer where this agent's own
/// downlink is slow; it is asked for a sign of life (PING) after half of that, so that a source which merely has others
/// to serve is not taken for dead. A chunk that began to come and stopped counts as silence too. A source that gives
/// far less than the others loses its requests after three seconds. Only requests that somebody else could answer are
/// taken away; only such a chunk is asked for twice.
extension Swarm {
    private static let paceWindow = Duration.seconds(3)
    /// A living source may leave a request unanswered for that long, if nothing else is wrong.
    private static let patience = Duration.seconds(30)
    /// What is under way on a slow downlink may keep a source silent for that long.
    private static let queueWaitMax = 10.0
    private static let silentRecheck = Duration.milliseconds(500)
    static let lossCountMax = 3
    /// While something is asked for, the sources are looked at that often, or sooner.
    static let watchPause = Duration.milliseconds(250)

    func watchDeadline(of neighbour: borrowing Neighbour) -> Instant {
        if neighbour.isSilent { return neighbour.lastStallCheck + Swarm.silentRecheck }
        return min(dueAt(of: neighbour), clock + Swarm.watchPause)
    }

    private func dueAt(of neighbour: borrowing Neighbour) -> Instant {
        let limit = silenceLimit(of: neighbour)
        let heard = max(neighbour.lastHeard, neighbour.waitingSince).nanoseconds
        var due = min(
            heard + (neighbour.isProbed ? limit : limit / 2), (neighbour.paceSince + Swarm.paceWindow).nanoseconds)
        if let began = neighbour.silenceOfBegunChunk { due = min(due, began.nanoseconds + limit) }
        return Instant(nanoseconds: due)
    }

    /// The connection's own limit, and where this agent's downlink is slow, the time that it takes to bring what is
    /// under way: what a source sent may queue behind all of it.
    private func silenceLimit(of neighbour: borrowing Neighbour) -> Int64 {
        let rate = max(downlinkPeak, downlink.bytesPerSecond)
        guard rate > 0 else { return neighbour.silenceLimit }
        let queue = min(Double(outstandingByteCount) / rate * 1.5, Swarm.queueWaitMax)
        return max(neighbour.silenceLimit, Int64(queue * 1e9))
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
        return dueAt(of: neighbours.values[place]) <= clock
    }

    private mutating func watch(_ node: NodeID) {
        guard let neighbour = neighbours[node] else { return }
        if neighbour.isSilent {
            neighbours[node]?.lastStallCheck = clock
            takeAway(from: node)
            return
        }
        let limit = Duration.nanoseconds(silenceLimit(of: neighbour))
        let heard = max(neighbour.lastHeard, neighbour.waitingSince)
        let hasStopped = neighbour.silenceOfBegunChunk.map { $0 + limit <= clock } ?? false
        if heard + limit <= clock || hasStopped {
            noteSilence(of: node)
        } else if heard + limit / 2 <= clock, !neighbour.isProbed {
            neighbours[node]?.isProbed = true
            emit(.probe(node))
        }
        checkPace(of: node)
    }

    private mutating func noteSilence(of node: NodeID) {
        neighbours[node]?.isSilent = true
        neighbours[node]?.lastStallCheck = clock
        neighbours[node]?.lossesInARow += 1
        // A source that answers, but not with what was begun, is left alone for a while.
        backOff(node, until: clock + .seconds(1))
        let lostCount = takeAway(from: node)
        guard lostCount > 0 else { return }
        noteFault(\.silenceCount, of: node)
        emit(.note(.sourceSilent(node, requestCount: lostCount)))
        let losses = neighbours[node]?.lossesInARow ?? 0
        if losses >= Swarm.lossCountMax { expel(node, because: .stalled) }
    }

    /// Takes away what another could answer; returns how many requests that are.
    @discardableResult
    private mutating func takeAway(from node: NodeID) -> Int {
        let requests = neighbours[node]?.requests.values.filter { hasAlternative(to: $0.ticket) } ?? []
        for request in requests { giveUp(request, by: .asker) }
        return requests.count
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
        guard let neighbour = neighbours[node], !neighbour.requests.isEmpty,
            clock - neighbour.paceSince >= Swarm.paceWindow
        else { return }
        let pace = Double(neighbour.paceByteCount) / (clock - neighbour.paceSince).inSeconds
        neighbours[node]?.lastPace = pace
        neighbours[node]?.paceSince = clock
        neighbours[node]?.paceByteCount = 0
        let isTooOld = neighbour.requests.values.contains { $0.received == 0 && clock - $0.sentAt >= Swarm.patience }
        if isTooOld { return giveUpOldRequests(of: node) }
        guard !giveUpDrippingRequests(of: node) else { return }
        guard let median = medianPace(but: node), pace * 20 < median else { return }
        let lostCount = takeAway(from: node)
        guard lostCount > 0 else { return }
        neighbours[node]?.slowCount += 1
        let pause = min(60, 5 << min(4, neighbour.slowCount))
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

    /// The source lives but never began: the same chunks are asked for again, perhaps of the same source.
    private mutating func giveUpOldRequests(of node: NodeID) {
        let now = clock
        cancelRequests(of: node) { $0.received == 0 && now - $0.sentAt >= Swarm.patience }
        neighbours[node]?.lossesInARow += 1
        if let losses = neighbours[node]?.lossesInARow, losses >= Swarm.lossCountMax { expel(node, because: .stalled) }
    }
}

extension Neighbour {
    /// When the last byte of a chunk came that has begun to come; nil if none has.
    var silenceOfBegunChunk: Instant? {
        requests.values.contains { $0.received > 0 } ? lastData : nil
    }
}
