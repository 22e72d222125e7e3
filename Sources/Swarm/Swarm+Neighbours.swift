import OrderedCollections
import Units

/// Connections come and go.
extension Swarm {
    mutating func admit(_ introduction: Introduction) {
        let node = introduction.node
        precondition(neighbours[node] == nil, "\(node) is a neighbour already")
        precondition(node != self.node, "a connection to oneself")
        let distance = Swarm.distance(from: labels, to: introduction.labels)
        neighbours[node] = Neighbour(introduction, distanceByLabels: distance, now: clock)
        addresses.noteConnected(introduction)
        staleAllPeers(but: node)
        emit(.probe(node))
        for version in exchanges.keys {
            updateDirection(of: version)
            // A change of direction was said to all, the newcomer included.
            if neighbours[node]?.opened.contains(version) != true { sendHoldings(of: version, to: node) }
        }
        duties.formUnion([.connect, .wake])
    }

    /// The connection ended. What was asked for is missing again, and what only the neighbour had is offered again.
    mutating func forget(_ node: NodeID) {
        guard let neighbour = neighbours[node] else { return }
        for request in neighbour.requests.values {
            _ = closeRequest(request.ticket.request, of: node)
            exchanges[request.ticket.version]?.giveBack(request.ticket)
            exchanges[request.ticket.version]?.wastedByteCount += Int64(request.received)
        }
        for id in uploads.keys where id.neighbour == node { uploads[id] = nil }
        neighbours[node] = nil
        for version in exchanges.keys {
            exchanges[version]?.setView(nil, of: node)
            _ = exchanges[version]?.direction?.closeAll(to: node)
            updateDirection(of: version)
        }
        addresses.noteLost(neighbour, at: clock, random: &random)
        staleAllPeers(but: node)
        duties.formUnion([.fetch, .upload, .offer, .connect])
    }

    mutating func noteRoundTrip(_ duration: Duration, of node: NodeID) {
        guard let neighbour = neighbours[node] else { return }
        neighbours[node]?.noteHeard(at: clock)
        neighbours[node]?.roundTrip = min(neighbour.roundTrip ?? duration, duration)
    }

    private mutating func staleAllPeers(but node: NodeID) {
        for other in neighbours.keys where other != node { neighbours[other]?.peersAreStale = true }
        duties.insert(.wake)
    }

    /// Nil where the labels say nothing.
    static func distance(from own: [String: String], to other: [String: String]) -> Distance? {
        let steps: [(String, Distance)] = [
            ("host", .sameHost), ("rack", .sameRack), ("zone", .sameZone), ("region", .sameRegion),
        ]
        var isKnown = false
        for (key, distance) in steps {
            guard let here = own[key], let there = other[key] else { continue }
            if here == there { return distance }
            isKnown = true
        }
        return isKnown ? .far : nil
    }
}
