import OrderedCollections
import Units
import Wire

/// What to ask whom.
extension Swarm {
    /// A fetch that gets nothing for that long asks a directing neighbour without an offer.
    static let starvation = Duration.seconds(1)
    /// Chunks that one node fetches across slow links at once, beside its usual window.
    private static let beyondCountMax = 8

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
        if exchanges.values[place].crossings != nil {
            fitTurns(ofVersionAt: place)
            askBeyond(ofVersionAt: place)
        }
        let window = requestWindow(forVersionAt: place)
        while hasRoom(forVersionAt: place, window), let view = soonestSource(ofVersionAt: place, window) {
            guard let chunk = exchanges.values[place].choose(fromViewAt: view, random: &random) else { continue }
            guard ask(exchanges.values[place].views.keys[view], version, chunk) else { return }
        }
        askSlowHolders(ofVersionAt: place)
    }

    /// What it is this node's turn to fetch across a slow link is asked for at once, whatever else is: the whole place
    /// waits for it, and after this node's turn the next one asks too.
    private mutating func askBeyond(ofVersionAt place: Int) {
        let version = exchanges.keys[place]
        while exchanges.values[place].crossings?.ripe.isEmpty == false,
            exchanges.values[place].askedBeyond.count < Swarm.beyondCountMax,
            let view = soonestSource(ofVersionAt: place, Swarm.smallRequestCountMax, isMeant: { !$0.isInside })
        {
            guard let chunk = exchanges.values[place].choose(fromViewAt: view, random: &random) else { continue }
            guard ask(exchanges.values[place].views.keys[view], version, chunk) else { return }
        }
    }

    /// The place of its view. Each that is found in vain becomes barren, so that a loop over all ends.
    private mutating func soonestSource(
        ofVersionAt place: Int, _ window: Int, isMeant: (HolderView) -> Bool = { _ in true }
    ) -> Int? {
        var best: (view: Int, wait: Double)?
        var tieCount = 0
        for view in exchanges.values[place].views.values.indices {
            guard !exchanges.values[place].views.values[view].isBarren,
                isMeant(exchanges.values[place].views.values[view]),
                let neighbour = neighbours.index(forKey: exchanges.values[place].views.keys[view])
            else { continue }
            let wait =
                neighbours.values[neighbour].expectedWait(
                    at: clock, turns, neighbourCount: neighbours.count,
                    usualByteCount: exchanges.values[place].meanByteCount)
                * neighbours.values[neighbour].remoteness.weight
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

    func isPaused(_ until: Instant?) -> Bool { until.map { $0 > clock } ?? false }

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
        if exchanges.values[place].firstAskedAt == nil { exchanges.values[place].firstAskedAt = clock }
        exchanges.values[place].account?.noteRequest(to: node, at: clock)
        if exchanges.values[place].askedBeyond.contains(chunk) { claim(chunk, of: version) }
        if neighbours.values[neighbour].requests.isEmpty { wake(by: clock + Swarm.watchPause) }
        neighbours.values[neighbour].open(
            .init(
                ticket: ticket, byteCount: byteCount, sentAt: clock,
                depth: neighbours.values[neighbour].depth(
                    with: byteCount, usualByteCount: exchanges.values[place].meanByteCount), isOffered: isOffered),
            at: clock)
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
