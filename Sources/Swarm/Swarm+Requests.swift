import OrderedCollections
import Units
import Wire

/// What comes of requests.
extension Swarm {
    // MARK: What comes

    mutating func absorb(_ span: DataSpan) {
        guard let place = neighbours.index(forKey: span.neighbour) else { return }
        noteHeard(place)
        guard let number = neighbours.values[place].requests.index(forKey: span.request) else {
            return absorbLate(span)
        }
        let received = neighbours.values[place].requests.values[number].received
        let byteCount = neighbours.values[place].requests.values[number].byteCount
        guard span.byteCount > 0, span.offset == received, span.byteCount <= byteCount - received else {
            return expel(span.neighbour, because: .unsolicited)
        }
        if received == 0 {
            neighbours.values[place].noteBeginning(of: neighbours.values[place].requests.values[number], at: clock)
        }
        neighbours.values[place].requests.values[number].note(span.byteCount, at: clock)
        if neighbours.values[place].noteData(span.byteCount, at: clock) { fitWindow(of: place, unit: byteCount) }
        downlink.add(span.byteCount, at: clock)
        let version = neighbours.values[place].requests.values[number].ticket.version
        noteArrival(of: span.byteCount, for: version, from: span.neighbour)
        if received + span.byteCount == byteCount { takeWhole(span.request, of: place) }
    }

    /// All bytes of the request came.
    private mutating func takeWhole(_ number: RequestID, of place: Int) {
        guard let request = closeRequest(number, ofNeighbourAt: place) else { return }
        neighbours.values[place].lossesInARow = 0
        neighbours.values[place].redirectsInARow = 0
        neighbours.values[place].falseAlarmCount = max(0, neighbours.values[place].falseAlarmCount - 1)
        neighbours.values[place].slowCount = 0
        neighbours.values[place].turns.add(
            (clock - request.sentAt).inSeconds / request.depth, byteCount: request.byteCount, to: &turns,
            neighbourCount: neighbours.count)
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
        neighbours[span.neighbour]?.clearSuspicion()
        downlink.add(span.byteCount, at: clock)
        exchanges[late.version]?.wastedByteCount += Int64(span.byteCount)
        exchanges[late.version]?.account?.noteData(span.byteCount, from: span.neighbour, at: clock)
    }

    mutating func commit(_ ticket: ChunkTicket) {
        guard let byteCount = endVerification(of: ticket), let place = exchanges.index(forKey: ticket.version),
            exchanges.values[place].pending[ticket.chunk] == ticket
        else { return }
        exchanges.values[place].verifiedByteCount += Int64(byteCount)
        guard exchanges.values[place].hold(ticket.chunk) else { return }
        noteCompletion(of: ticket.version)
        if !exchanges.values[place].isSatisfied { scheduleAnnouncement(of: ticket.version) }
    }

    /// The chunk is fetched again after a while; the disk, not the source, is to blame.
    mutating func pause(_ ticket: ChunkTicket) {
        guard endVerification(of: ticket) != nil else { return }
        exchanges[ticket.version]?.giveBack(ticket, at: clock)
        exchanges[ticket.version]?.pausedUntil = clock + Limits.writeFailurePause
        wake(by: clock + Limits.writeFailurePause)
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
            backOff(node, until: clock + hint)
        case .elsewhere: askElsewhere(chunk, of: version, but: node)
        case .notHeld, .cannotRead: exchanges[version]?.remove([chunk], from: node, at: clock)
        case .unknownVersion, .denied, .leaving:
            if let exchange = exchanges[version], var view = exchange.views[node] {
                view.leave()
                exchanges[version]?.setView(view, of: node, at: clock)
            }
        }
        wakeForTurns()
        duties.formUnion([.fetch, .offer])
    }

    // MARK: Giving up

    /// Who ended a request.
    enum Ending { case asker, source }

    /// Takes the request off the books; the chunk is missing again.
    mutating func giveUp(_ request: Neighbour.Request, by ending: Ending) {
        let ticket = request.ticket
        guard closeRequest(ticket.request, of: ticket.source) != nil else { return }
        exchanges[ticket.version]?.giveBack(ticket, at: clock)
        wakeForTurns()
        exchanges[ticket.version]?.wastedByteCount += Int64(request.received)
        if ending == .asker {
            neighbours[ticket.source]?.tolerate(request)
            send(.cancel(ticket.request), to: ticket.source)
        }
        emit(.dropBuffer(ticket.source, request: ticket.request))
        duties.insert(.fetch)
    }

    /// Another source is to have the chunk, and more time for it than this one had.
    mutating func lose(_ request: Neighbour.Request) {
        exchanges[request.ticket.version]?.patience.noteLoss(of: request.ticket.chunk)
        giveUp(request, by: .asker)
    }

    /// By how much longer than usual the source may take.
    func patienceFactor(for request: Neighbour.Request) -> Int64 {
        let place = exchanges.index(forKey: request.ticket.version)
        return place.map { exchanges.values[$0].patience.factor(for: request.ticket.chunk) } ?? 1
    }

    mutating func cancelRequests(of node: NodeID, where isMeant: (Neighbour.Request) -> Bool) {
        let meant = neighbours[node]?.requests.values.filter(isMeant) ?? []
        for request in meant { giveUp(request, by: .asker) }
    }

    /// Takes the request out of the sums.
    mutating func closeRequest(_ number: RequestID, of node: NodeID) -> Neighbour.Request? {
        neighbours.index(forKey: node).flatMap { closeRequest(number, ofNeighbourAt: $0) }
    }

    private mutating func closeRequest(_ number: RequestID, ofNeighbourAt place: Int) -> Neighbour.Request? {
        guard let request = neighbours.values[place].close(number) else { return nil }
        exchanges[request.ticket.version]?.account?.noteRequestEnd(of: neighbours.keys[place], at: clock)
        unverifiedByteCount -= request.byteCount
        outstandingRequestCount -= 1
        outstandingByteCount -= request.byteCount
        if request.isOffered { offered = (offered.count - 1, offered.byteCount - request.byteCount) }
        return request
    }
}

extension Neighbour {
    /// True if its rate was measured anew.
    mutating func noteData(_ byteCount: Int, at now: Instant) -> Bool {
        clearSuspicion()
        lastData = now
        receivedByteCount += Int64(byteCount)
        paceByteCount += byteCount
        return rate.add(byteCount, at: now)
    }
}
