import OrderedCollections
import Units
import Wire

/// What to ask whom.
extension Swarm {
    /// A fetch that gets nothing for that long asks a directing neighbour without an offer.
    static let starvation = Duration.seconds(1)
    /// Stays below the wire's bound of open requests.
    static let smallRequestCountMax = 200
    /// What comes in that time, beside the round trips, may be asked for ahead: the time that both ends take to notice.
    private static let turnaround = 0.03
    /// A neighbour is slow if it takes so many times longer for a chunk than half of them do.
    private static let slowFactor = 3.0
    /// Whether a slow neighbour alone holds something is looked at that often.
    private static let slowHolderPause = Duration.milliseconds(250)
    /// What one neighbour needs longer for is not asked of it ahead.
    private static let queueSecondsMax = 8.0

    // MARK: Choosing

    /// Asks for chunks while there is room, version by version in the order of their coming: each time of the neighbour
    /// that will probably send soonest of those that have something wanted (ties at random), for the rarest that it
    /// has.
    mutating func fetchMore() {
        for place in exchanges.values.indices {
            guard !exchanges.values[place].isSatisfied else { continue }
            if !isPaused(exchanges.values[place].pausedUntil) { fetchMore(ofVersionAt: place) }
            moveStragglers(of: exchanges.keys[place])
            noteStarvation(of: exchanges.keys[place])
        }
    }

    private mutating func fetchMore(ofVersionAt place: Int) {
        guard !exchanges.values[place].wanted.isEmpty else { return }
        let version = exchanges.keys[place]
        if exchanges.values[place].crossings != nil { fitTurns(ofVersionAt: place) }
        let window = requestWindow(forVersionAt: place)
        while hasRoom(forVersionAt: place, window), let view = soonestSource(ofVersionAt: place, window) {
            guard let chunk = exchanges.values[place].choose(fromViewAt: view, random: &random) else { continue }
            guard ask(exchanges.values[place].views.keys[view], version, chunk) else { return }
        }
        askSlowHolders(ofVersionAt: place)
    }

    /// What a slow neighbour alone holds is asked of it, a chunk at a time, whatever else is asked for: sources that are
    /// sooner never run out before the end, and then everybody would wait for the slow one. (20 nodes, one of them at a
    /// tenth of the rate, the last of the others simulated: 1.28 of the limit without this.)
    private mutating func askSlowHolders(ofVersionAt place: Int) {
        guard exchanges.values[place].crossings == nil, clock >= exchanges.values[place].slowHoldersDue else { return }
        exchanges.values[place].slowHoldersDue = clock + Swarm.slowHolderPause
        let slow = Swarm.slowFactor * medianTurn
        for view in exchanges.values[place].views.values.indices {
            guard !exchanges.values[place].views.values[view].isBarren,
                let neighbour = neighbours.index(forKey: exchanges.values[place].views.keys[view]),
                neighbours.values[neighbour].requests.isEmpty, neighbours.values[neighbour].turnSeconds > slow,
                neighbours.values[neighbour].isUsable(at: clock),
                let chunk = exchanges.values[place].choose(fromViewAt: view, random: &random),
                exchanges.values[place].holderCount(of: chunk) == 1
            else { continue }
            ask(exchanges.values[place].views.keys[view], exchanges.keys[place], chunk)
        }
    }

    /// The place of its view. Each that is found in vain becomes barren, so that a loop over all ends.
    private mutating func soonestSource(ofVersionAt place: Int, _ window: Int) -> Int? {
        var best: (view: Int, wait: Double)?
        var tieCount = 0
        for view in exchanges.values[place].views.values.indices {
            guard !exchanges.values[place].views.values[view].isBarren,
                let neighbour = neighbours.index(forKey: exchanges.values[place].views.keys[view])
            else { continue }
            let wait =
                neighbours.values[neighbour].expectedWait(at: clock) * neighbours.values[neighbour].remoteness.weight
            if let best, best.wait < wait { continue }
            guard neighbours.values[neighbour].isUsable(at: clock), hasRoom(neighbour, forVersionAt: place, window)
            else {
                continue
            }
            let isTie = best.map { $0.wait == wait } ?? false
            tieCount = isTie ? tieCount + 1 : 1
            if tieCount == 1 || Int.random(in: 0..<tieCount, using: &random) == 0 { best = (view, wait) }
        }
        return best?.view
    }

    /// What half of the neighbours that gave a chunk do not exceed, in seconds.
    private var medianTurn: Double {
        let turns = neighbours.values.map { $0.turnSeconds }.filter { $0 > 0 }.sorted()
        return turns.isEmpty ? .infinity : turns[turns.count / 2]
    }

    private func isPaused(_ until: Instant?) -> Bool { until.map { $0 > clock } ?? false }

    /// The window's chunks in all beside those that were offered, and as many more as fit into the neighbours'
    /// bandwidth times delay.
    private func hasRoom(forVersionAt place: Int, _ window: Int) -> Bool {
        let mean = exchanges.values[place].meanByteCount
        guard unverifiedByteCount + mean <= limits.unverifiedByteCountMax, isWithinDownloadLimit(mean) else {
            return false
        }
        let total = window + extraWindow
        return outstandingRequestCount - offered.count < total
            || outstandingByteCount - offered.byteCount + mean <= total * max(limits.requestByteCountMin, mean)
    }

    /// A turn to ask beyond the place lasts as long as a claim may take to get to the others, which waits behind bulk
    /// on both links: with 60 ms on links of 20 Mbit/s 1.25 copies crossed into a rack, since the next in line did not
    /// know yet that somebody had asked; with 650 it were 1.07, and nobody was done later (40 nodes in 4 racks,
    /// simulated).
    private mutating func fitTurns(ofVersionAt place: Int) {
        let rate = downlink.bytesPerSecond
        guard rate > 0 else { return }
        let duration = Duration.milliseconds(Int64(min(Double(Limits.claimQueueByteCount) / rate * 1000, 1e6)))
        exchanges.values[place].crossings?.turnDuration =
            min(max(duration, Crossings.turnDurationMin), Crossings.turnDurationMax)
    }

    /// How many chunks to ask for at once: few, and half as many more as this node has fewer than its neighbours.
    ///
    /// Requests wait in queues at other nodes' uplinks. With many of them a fresh chunk spreads slowly, since whoever
    /// has its copy early is asked for it late, and the swarm takes long until all links are busy; with few of them
    /// the links of some idle by bad luck, and these finish last. (100 nodes, 32 KiB chunks, last node over limit,
    /// simulated: 1.19 with 8 for all, 1.13 with 24, 1.07 this way.) Where a chunk may have to wait for its turn to
    /// cross a slow link, few are not enough to keep a link busy.
    private func requestWindow(forVersionAt place: Int) -> Int {
        guard exchanges.values[place].crossings == nil else { return limits.requestCountMax }
        var (sum, count) = (0, 0)
        for view in exchanges.values[place].views.values.indices
        where !exchanges.values[place].views.values[view].isReserved {
            sum += exchanges.values[place].views.values[view].count
            count += 1
        }
        guard count > 0 else { return limits.requestCountMax }
        let lag = sum / count - exchanges.values[place].held.count
        return min(limits.requestCount + max(0, lag) / 2, limits.requestCountMax)
    }

    /// Up to twice its share of all requests, so that those with short queues get more, and as many more as its
    /// bandwidth times delay takes; of a slow one no more than it sends in some seconds.
    private func hasRoom(_ neighbour: Int, forVersionAt place: Int, _ total: Int) -> Bool {
        let requestCount = neighbours.values[neighbour].requests.count
        guard requestCount > 0 else { return true }
        guard requestCount < Swarm.smallRequestCountMax else { return false }
        let mean = exchanges.values[place].meanByteCount
        let unit = max(limits.requestByteCountMin, mean)
        let sources = max(1, exchanges.values[place].views.count - exchanges.values[place].reservedViewCount)
        let fair = (total + sources - 1) / sources
        var window = min(
            2 * fair + neighbours.values[neighbour].extraWindow, Limits.requestByteCountPerNeighbourMax / unit)
        let rate = neighbours.values[neighbour].rate.bytesPerSecond
        if rate > 0 { window = min(window, 1 + Int(min(rate * Swarm.queueSecondsMax / Double(unit), 1e6))) }
        window = max(1, window)
        return requestCount < window
            || neighbours.values[neighbour].outstandingByteCount + mean <= window * unit
    }

    /// The rate of the neighbour was measured: what fits into its bandwidth times delay, twice, so that the window
    /// grows until the link is full.
    mutating func fitWindow(of neighbour: Int, unit: Int) {
        let rate = neighbours.values[neighbour].rate.bytesPerSecond
        let roundTrip = neighbours.values[neighbour].roundTrip?.inSeconds ?? 0
        let underWay = rate * (2 * roundTrip + Swarm.turnaround) / Double(max(unit, limits.requestByteCountMin))
        let window = Int(min(underWay + 0.5, Double(Swarm.smallRequestCountMax)))
        extraWindow += window - neighbours.values[neighbour].extraWindow
        neighbours.values[neighbour].extraWindow = window
    }

    /// False if the memory for unverified bytes is used up.
    @discardableResult
    mutating func ask(_ node: NodeID, _ version: Digest, _ chunk: ChunkIndex, isOffered: Bool = false) -> Bool {
        guard let place = exchanges.index(forKey: version), let neighbour = neighbours.index(forKey: node) else {
            return false
        }
        let byteCount = exchanges.values[place].byteCount(of: chunk)
        guard unverifiedByteCount + byteCount <= limits.unverifiedByteCountMax else { return false }
        let number = neighbours.values[neighbour].drawRequestNumber()
        let ticket = ChunkTicket(version: version, chunk: chunk, source: node, request: number)
        exchanges.values[place].take(ticket)
        exchanges.values[place].account?.noteRequest(to: node, at: clock)
        if exchanges.values[place].askedBeyond.contains(chunk) { claim(chunk, of: version) }
        if neighbours.values[neighbour].requests.isEmpty { wake(by: clock + Swarm.watchPause) }
        neighbours.values[neighbour].open(
            .init(
                ticket: ticket, byteCount: byteCount, sentAt: clock,
                depth: neighbours.values[neighbour].requests.count + 1, isOffered: isOffered), at: clock)
        if isOffered { offered = (offered.count + 1, offered.byteCount + byteCount) }
        unverifiedByteCount += byteCount
        outstandingRequestCount += 1
        outstandingByteCount += byteCount
        announce(ofVersionAt: place, to: node)
        emit(.request(ticket, byteCount: byteCount))
        return true
    }

    /// Chunks are missing, none is on its way, and a directing neighbour is all that could have them: after a second it
    /// is asked like an ordinary one, so that neither a lone newcomer nor the end of a fetch starves.
    private mutating func noteStarvation(of version: Digest) {
        guard let place = exchanges.index(forKey: version) else { return }
        guard exchanges.values[place].reservedViewCount > 0, !exchanges.values[place].wanted.isEmpty,
            exchanges.values[place].pending.isEmpty, !isPaused(exchanges.values[place].pausedUntil),
            exchanges.values[place].crossings?.isPromising != true
        else {
            exchanges.values[place].starvingSince = nil
            return
        }
        let since = exchanges.values[place].starvingSince ?? clock
        exchanges.values[place].starvingSince = since
        guard clock - since >= Swarm.starvation else { return wake(by: since + Swarm.starvation) }
        exchanges.values[place].starvingSince = nil
        for (node, view) in exchanges.values[place].views where view.isReserved {
            exchanges.values[place].setFallback(true, of: node, at: clock)
        }
        wakeForTurns()
        fetchMore(ofVersionAt: place)
    }

    /// An offered chunk is asked for at once, beyond the usual window.
    mutating func takeOffer(_ version: Digest, _ chunk: ChunkIndex, from node: NodeID) {
        guard mayMention([chunk], of: version, node) else { return }
        guard let place = exchanges.index(forKey: version) else { return takeHave(version, [chunk], from: node) }
        exchanges.values[place].setFallback(false, of: node, at: clock)
        _ = exchanges.values[place].add([chunk], to: node, at: clock)
        wakeForTurns()
        let openCount = neighbours[node]?.requests.count ?? 0
        if exchanges.values[place].wanted.contains(chunk), openCount < Swarm.smallRequestCountMax,
            neighbours[node]?.isUsable(at: clock) == true, !isPaused(exchanges.values[place].pausedUntil)
        {
            ask(node, version, chunk, isOffered: true)
        }
        duties.insert(.fetch)
    }
}

extension Distance {
    /// How much longer a chunk from there may take and still be preferred no less: near links are seldom shared.
    fileprivate var weight: Double {
        switch self {
        case .sameHost, .sameRack: 1
        case .sameZone: 1.25
        case .sameRegion: 1.5
        case .far: 3
        }
    }
}
