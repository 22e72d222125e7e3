import OrderedCollections
import Units

/// Connections come and go.
extension Swarm {
    mutating func admit(_ introduction: Introduction) {
        let node = introduction.node
        precondition(neighbours[node] == nil, "\(node) is a neighbour already")
        precondition(node != self.node, "a connection to oneself")
        neighbours[node] = Neighbour(introduction, seenFrom: labels, now: clock)
        addresses.noteConnected(introduction)
        staleAllPeers(but: node)
        if !matesHeardOf(by: node, at: introduction.remoteAddress, but: []).isEmpty, let new = neighbours[node] {
            neighbours[node]?.peersAreStale = true
            wake(by: new.peersDueAt)
        }
        emit(.probe(node))
        for version in exchanges.keys {
            updateDirection(of: version)
            // A change of direction was said to all, the newcomer included.
            if neighbours[node]?.opened.contains(version) != true { sendHoldings(of: version, to: node) }
        }
        duties.insert(.connect)
        planShedding()
    }

    /// How a connection ended.
    enum Loss {
        case ended
        /// The neighbour has no room.
        case full
    }

    /// The connection ended. What was asked for is missing again, and what only the neighbour had is offered again.
    mutating func forget(_ node: NodeID, because loss: Loss = .ended) {
        guard let neighbour = neighbours[node] else { return }
        for request in neighbour.requests.values {
            _ = closeRequest(request.ticket.request, of: node)
            exchanges[request.ticket.version]?.giveBack(request.ticket, at: clock)
            exchanges[request.ticket.version]?.wastedByteCount += Int64(request.received)
        }
        for id in uploads.keys where id.neighbour == node { _ = endUpload(id) }
        queuedUploadCount -= neighbour.queue.count
        extraWindow -= neighbour.extraWindow
        neighbours[node] = nil
        for version in exchanges.keys {
            exchanges[version]?.announcements.forget(node)
            exchanges[version]?.crossings?.dropClaims(of: node)
            exchanges[version]?.setView(nil, of: node, at: clock)
            _ = exchanges[version]?.direction?.closeAll(to: node)
            updateDirection(of: version)
            findMates(for: version)
        }
        wakeForTurns()
        switch loss {
        case .ended: addresses.noteLost(neighbour, at: clock, random: &random)
        case .full: addresses.noteFull(node, at: clock, random: &random)
        }
        staleAllPeers(but: node)
        duties.formUnion([.fetch, .upload, .offer, .connect])
    }

    mutating func noteRoundTrip(_ duration: Duration, of node: NodeID) {
        guard let place = neighbours.index(forKey: node) else { return }
        noteHeard(place)
        neighbours.values[place].roundTrip = min(neighbours.values[place].roundTrip ?? duration, duration)
    }

    /// A sign of life of the neighbour at that place.
    mutating func noteHeard(_ place: Int) {
        let wasSilent = neighbours.values[place].isSilent
        neighbours.values[place].noteHeard(at: clock)
        if wasSilent { reviseUse(of: neighbours.keys[place]) }
    }

    /// The neighbour became usable as a source, or ceased to be.
    mutating func reviseUse(of node: NodeID) {
        let isUsable = neighbours[node]?.isUsable(at: clock) ?? false
        for version in exchanges.keys where exchanges[version]?.crossings != nil {
            if !isUsable { exchanges[version]?.crossings?.dropClaims(of: node) }
            exchanges[version]?.countInside(isUsable, node)
            exchanges[version]?.lookBeyond(at: clock)
        }
        wakeForTurns()
        wake(by: clock)
        duties.insert(.fetch)
    }

    /// The neighbour is not asked until then, or until what was said before if that is later.
    mutating func backOff(_ node: NodeID, until moment: Instant) {
        pause(node, until: moment)
        reviseUse(of: node)
    }

    /// As `backOff`, but so short that it stays a source of its place: nobody looks beyond for what it has.
    mutating func pause(_ node: NodeID, until moment: Instant) {
        guard let place = neighbours.index(forKey: node) else { return }
        neighbours.values[place].backOffUntil = max(moment, neighbours.values[place].backOffUntil ?? moment)
        wake(by: moment)
    }

    private mutating func staleAllPeers(but node: NodeID) {
        for place in neighbours.values.indices where neighbours.keys[place] != node {
            neighbours.values[place].peersAreStale = true
            wake(by: neighbours.values[place].peersDueAt)
        }
    }
}
