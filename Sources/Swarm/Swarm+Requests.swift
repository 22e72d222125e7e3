import OrderedCollections
import Units
import Wire

/// What to ask whom, and what comes of it.
extension Swarm {
    /// A fetch that gets nothing for that long asks a directing neighbour without an offer.
    static let starvation = Duration.seconds(1)
    /// Chunks smaller than this share one place in the window.
    private static let windowUnitMin = 64 << 10
    /// Stays below the wire's bound of open requests.
    private static let smallRequestCountMax = 200
    /// What may be asked of one neighbour in any case, if bandwidth times delay says so.
    private static let windowByteCountMax = 4 << 20

    // MARK: Choosing

    /// Asks for chunks while there is room: each time of the neighbour with the fewest outstanding bytes that has
    /// something wanted (ties at random), for the rarest that it has.
    mutating func fetchMore() {
        var barred: [NodeID] = []
        while let (node, version) = leastLoadedSource(barring: barred) {
            guard let chunk = exchanges[version]?.choose(from: node, random: &random), ask(node, version, chunk) else {
                barred.append(node)
                continue
            }
        }
        for version in exchanges.keys { moveStragglers(of: version) }
        noteStarvation()
    }

    private mutating func leastLoadedSource(barring barred: [NodeID]) -> (NodeID, Digest)? {
        var best: (node: NodeID, version: Digest, load: Int)?
        var tieCount = 0
        let extra = neighbours.values.reduce(0) { $0 + extraWindow(of: $1) }
        for neighbour in neighbours.values where neighbour.isUsable(at: clock) {
            let load = neighbour.outstandingByteCount
            if let best, best.load < load { continue }
            guard !barred.contains(neighbour.node), let version = usefulVersion(of: neighbour.node),
                hasRoom(neighbour, version, extraOverAll: extra)
            else { continue }
            tieCount = best?.load == load ? tieCount + 1 : 1
            if tieCount == 1 || Int.random(in: 0..<tieCount, using: &random) == 0 {
                best = (neighbour.node, version, load)
            }
        }
        return best.map { ($0.node, $0.version) }
    }

    /// The first fetched version of which the neighbour has something that is wanted.
    private func usefulVersion(of node: NodeID) -> Digest? {
        for index in exchanges.values.indices {
            let useful = exchanges.values[index].views[node]?.usefulCount ?? 0
            if useful > 0, !isPaused(exchanges.values[index].pausedUntil) { return exchanges.keys[index] }
        }
        return nil
    }

    private func isPaused(_ until: Instant?) -> Bool { until.map { $0 > clock } ?? false }

    /// One chunk per neighbour and eight in all, more for each of few neighbours, and as many more as fit into a
    /// neighbour's bandwidth times delay.
    private func hasRoom(_ neighbour: Neighbour, _ version: Digest, extraOverAll: Int) -> Bool {
        guard let mean = exchanges[version]?.meanByteCount else { return false }
        guard unverifiedByteCount + mean <= limits.unverifiedByteCountMax, isWithinDownloadLimit(mean) else {
            return false
        }
        let unit = max(Swarm.windowUnitMin, mean)
        let total = limits.requestCount + extraOverAll
        guard outstandingRequestCount < total || outstandingByteCount + mean <= total * unit else { return false }
        let fair = (limits.requestCount + sourceCount(of: version) - 1) / sourceCount(of: version)
        let windowMax = max(Limits.requestCountPerNeighbourMax, Swarm.windowByteCountMax / unit)
        let window = min(max(1, fair) + extraWindow(of: neighbour), windowMax)
        guard neighbour.requests.count < Swarm.smallRequestCountMax else { return false }
        return neighbour.requests.count < window || neighbour.outstandingByteCount + mean <= window * unit
    }

    /// Neighbours of which chunks of the version may be asked now or later, at least one.
    private func sourceCount(of version: Digest) -> Int {
        guard let views = exchanges[version]?.views else { return 1 }
        return max(1, views.values.reduce(0) { $0 + ($1.isDirecting && !$1.isFallback ? 0 : 1) })
    }

    /// What fits into the neighbour's bandwidth times delay, twice, so that the window grows until the link is full.
    private func extraWindow(of neighbour: Neighbour) -> Int {
        guard let roundTrip = neighbour.roundTrip, neighbour.rate.bytesPerSecond > 0 else { return 0 }
        let unit = neighbour.requests.values.first.map { max($0.byteCount, Swarm.windowUnitMin) } ?? Swarm.windowUnitMin
        let underWay = 2 * neighbour.rate.bytesPerSecond * roundTrip.inSeconds / Double(unit)
        return Int(min(underWay + 0.5, Double(Swarm.smallRequestCountMax)))
    }

    /// False if the memory for unverified bytes is used up.
    @discardableResult
    mutating func ask(_ node: NodeID, _ version: Digest, _ chunk: ChunkIndex) -> Bool {
        guard let byteCount = exchanges[version]?.byteCount(of: chunk),
            let number = neighbours[node]?.lastRequestNumber.next,
            unverifiedByteCount + byteCount <= limits.unverifiedByteCountMax
        else { return false }
        neighbours[node]?.lastRequestNumber = number
        let ticket = ChunkTicket(version: version, chunk: chunk, source: node, request: number)
        exchanges[version]?.take(ticket)
        neighbours[node]?.open(.init(ticket: ticket, byteCount: byteCount, sentAt: clock), at: clock)
        unverifiedByteCount += byteCount
        outstandingRequestCount += 1
        outstandingByteCount += byteCount
        emit(.request(ticket, byteCount: byteCount))
        duties.insert(.wake)
        return true
    }

    /// Chunks are missing, none is on its way, and a directing neighbour is all that could have them: after a second it
    /// is asked like an ordinary one, so that neither a lone newcomer nor the end of a fetch starves.
    private mutating func noteStarvation() {
        for version in exchanges.keys {
            guard let exchange = exchanges[version], !exchange.wanted.isEmpty, exchange.pending.isEmpty,
                !isPaused(exchange.pausedUntil)
            else {
                exchanges[version]?.starvingSince = nil
                continue
            }
            let directing = exchange.views.filter { $0.value.isDirecting && !$0.value.isFallback }.keys
            guard !directing.isEmpty else {
                exchanges[version]?.starvingSince = nil
                continue
            }
            let since = exchange.starvingSince ?? clock
            exchanges[version]?.starvingSince = since
            guard clock - since >= Swarm.starvation else { continue }
            exchanges[version]?.starvingSince = nil
            for node in directing { exchanges[version]?.setFallback(true, of: node) }
            duties.insert(.fetch)
            return fetchMore()
        }
    }

    /// An offered chunk is asked for at once, beyond the usual window.
    mutating func takeOffer(_ version: Digest, _ chunk: ChunkIndex, from node: NodeID) {
        guard mayMention([chunk], of: version, node) else { return }
        guard exchanges[version] != nil else { return takeHave(version, [chunk], from: node) }
        exchanges[version]?.setFallback(false, of: node)
        _ = exchanges[version]?.add([chunk], to: node)
        let openCount = neighbours[node]?.requests.count ?? 0
        if exchanges[version]?.wanted.contains(chunk) == true, openCount < Swarm.smallRequestCountMax,
            neighbours[node]?.isUsable(at: clock) == true, !isPaused(exchanges[version]?.pausedUntil)
        {
            ask(node, version, chunk)
        }
        duties.insert(.fetch)
    }

    // MARK: What comes

    mutating func absorb(_ span: DataSpan) {
        let node = span.neighbour
        guard neighbours[node] != nil else { return }
        neighbours[node]?.noteHeard(at: clock)
        guard let request = neighbours[node]?.requests[span.request] else { return absorbLate(span) }
        guard span.byteCount > 0, span.offset == request.received,
            span.byteCount <= request.byteCount - request.received
        else { return expel(node, because: .unsolicited) }
        neighbours[node]?.requests[span.request]?.note(span.byteCount, at: clock)
        neighbours[node]?.noteData(span.byteCount, at: clock)
        downlink.add(span.byteCount, at: clock)
        guard request.received + span.byteCount == request.byteCount else { return }
        _ = closeRequest(span.request, of: node)
        neighbours[node]?.lossesInARow = 0
        neighbours[node]?.slowCount = 0
        verifying[request.ticket] = request.byteCount
        unverifiedByteCount += request.byteCount
        // What the downlink did once is forgotten slowly.
        downlinkPeak = max(downlinkPeak * 0.99, downlink.bytesPerSecond)
        emit(.verify(request.ticket))
        duties.insert(.fetch)
    }

    /// Bytes of a cancelled request are tolerated up to the chunk's length; others were never asked for.
    private mutating func absorbLate(_ span: DataSpan) {
        guard let late = neighbours[span.neighbour]?.cancelled[span.request], span.byteCount <= late.rest else {
            return expel(span.neighbour, because: .unsolicited)
        }
        neighbours[span.neighbour]?.cancelled[span.request] = (late.version, late.rest - span.byteCount)
        exchanges[late.version]?.wastedByteCount += Int64(span.byteCount)
    }

    mutating func commit(_ ticket: ChunkTicket) {
        guard let byteCount = endVerification(of: ticket), exchanges[ticket.version]?.pending[ticket.chunk] == ticket
        else { return }
        exchanges[ticket.version]?.verifiedByteCount += Int64(byteCount)
        guard exchanges[ticket.version]?.hold(ticket.chunk) == true else { return }
        noteCompletion(of: ticket.version)
        if exchanges[ticket.version]?.unannounced.isEmpty == false { scheduleAnnouncement(of: ticket.version) }
    }

    /// The chunk is fetched again after a while; the disk, not the source, is to blame.
    mutating func pause(_ ticket: ChunkTicket) {
        guard endVerification(of: ticket) != nil else { return }
        exchanges[ticket.version]?.giveBack(ticket)
        exchanges[ticket.version]?.pausedUntil = clock + Limits.writeFailurePause
    }

    /// The chunk's length; nil if no such verification is under way.
    mutating func endVerification(of ticket: ChunkTicket) -> Int? {
        guard let byteCount = verifying.removeValue(forKey: ticket) else { return nil }
        unverifiedByteCount -= byteCount
        duties.insert(.fetch)
        return byteCount
    }

    mutating func takeRefusal(_ refusal: Refuse, from node: NodeID) {
        let number = refusal.request
        guard let request = neighbours[node]?.requests[number] else {
            // A refusal that crosses a CANCEL ends what is tolerated.
            let wasCancelled = neighbours[node]?.cancelled.removeValue(forKey: number) != nil
            return wasCancelled ? () : expel(node, because: .unsolicited)
        }
        giveUp(request, by: .source)
        let (version, chunk) = (request.ticket.version, request.ticket.chunk)
        switch refusal.reason {
        case .busy:
            let hint = Duration.milliseconds(Int64(min(max(refusal.retryMilliseconds, 50), 10_000)))
            neighbours[node]?.backOffUntil = clock + hint
        case .notHeld, .cannotRead: exchanges[version]?.remove([chunk], from: node)
        case .unknownVersion, .denied, .leaving:
            if let chunkCount = exchanges[version]?.chunkCount {
                exchanges[version]?.setView(HolderView(chunkCount: chunkCount, flags: []), of: node)
            }
        }
        duties.formUnion([.fetch, .offer])
    }

    // MARK: Giving up

    /// Who ended a request.
    enum Ending { case asker, source }

    /// Takes the request off the books; the chunk is missing again.
    mutating func giveUp(_ request: Neighbour.Request, by ending: Ending) {
        let ticket = request.ticket
        guard closeRequest(ticket.request, of: ticket.source) != nil else { return }
        exchanges[ticket.version]?.giveBack(ticket)
        exchanges[ticket.version]?.wastedByteCount += Int64(request.received)
        if ending == .asker {
            neighbours[ticket.source]?.tolerate(request)
            send(.cancel(ticket.request), to: ticket.source)
        }
        emit(.dropBuffer(ticket.source, request: ticket.request))
        duties.insert(.fetch)
    }

    mutating func cancelRequests(of node: NodeID, where isMeant: (Neighbour.Request) -> Bool) {
        let meant = neighbours[node]?.requests.values.filter(isMeant) ?? []
        for request in meant { giveUp(request, by: .asker) }
    }

    /// Takes the request out of the sums.
    mutating func closeRequest(_ number: RequestID, of node: NodeID) -> Neighbour.Request? {
        guard let request = neighbours[node]?.close(number) else { return nil }
        unverifiedByteCount -= request.byteCount
        outstandingRequestCount -= 1
        outstandingByteCount -= request.byteCount
        return request
    }
}

extension Neighbour {
    mutating func noteData(_ byteCount: Int, at now: Instant) {
        lastData = now
        receivedByteCount += Int64(byteCount)
        paceByteCount += byteCount
        rate.add(byteCount, at: now)
    }
}
