import OrderedCollections
import Units
import Wire

/// Across a slow link about one copy of a chunk is to come: whoever of a place asks for it beyond says so to the
/// others.
extension Swarm {
    /// Tells the neighbours inside that want the version.
    mutating func claim(_ chunk: ChunkIndex, of version: Digest) {
        guard let place = exchanges.index(forKey: version) else { return }
        let message = Message.claim(ChunkReference(version: version, chunk: chunk))
        for view in exchanges.values[place].views.values.indices
        where exchanges.values[place].views.values[view].isInside
            && exchanges.values[place].views.values[view].flags.contains(.wants)
        {
            send(message, to: exchanges.values[place].views.keys[view])
        }
    }

    mutating func takeClaim(_ version: Digest, _ chunk: ChunkIndex, from node: NodeID) {
        guard mayMention([chunk], of: version, node) else { return }
        guard let place = exchanges.index(forKey: version), neighbours[node]?.isInside == true,
            let crossings = exchanges.values[place].crossings
        else { return }
        if crossings.asked.contains(chunk) {
            // Of two that asked, the better placed goes on.
            guard crossings.isBetter(node, for: chunk) else { return }
            guard takeBackUnbegun(chunk, of: version) else { return }
        }
        guard exchanges.values[place].wanted.contains(chunk) else { return }
        exchanges.values[place].crossings?.note(node, of: chunk, at: clock)
        wakeForTurns()
    }

    /// A neighbour inside has chunks: what was asked for beyond and has not begun to come is asked of it instead.
    mutating func noteInside(_ chunks: [ChunkIndex], of version: Digest, _ node: NodeID) {
        guard let place = exchanges.index(forKey: version) else { return }
        wakeForTurns()
        guard exchanges.values[place].views[node]?.isCountedInside == true,
            exchanges.values[place].crossings?.asked.isEmpty == false
        else { return }
        for chunk in chunks where exchanges.values[place].crossings?.asked.contains(chunk) == true {
            _ = takeBackUnbegun(chunk, of: version)
        }
    }

    /// True if the chunk was asked for, and nothing of it had come: it is missing again.
    private mutating func takeBackUnbegun(_ chunk: ChunkIndex, of version: Digest) -> Bool {
        guard let ticket = exchanges[version]?.pending[chunk],
            let request = neighbours[ticket.source]?.requests[ticket.request], request.received == 0
        else { return false }
        giveUp(request, by: .asker)
        return true
    }

    // MARK: Turns

    mutating func passTurns() {
        for place in exchanges.values.indices where exchanges.values[place].crossings != nil {
            if exchanges.values[place].passTurns(at: clock) { duties.insert(.fetch) }
        }
    }

    /// Something may have got a turn.
    mutating func wakeForTurns() {
        for place in exchanges.values.indices {
            if let moment = exchanges.values[place].crossings?.nextTurn { wake(by: moment) }
        }
    }

    /// Which nodes of this one's place want the version: neighbours that say so, and others that neighbours named.
    mutating func findMates(for version: Digest) {
        guard place != 0, let exchange = exchanges[version], exchange.crossings != nil else { return }
        var mates: [UInt64] = []
        for (node, view) in exchange.views where view.isInside && view.flags.contains(.wants) {
            mates.append(Place.number(of: node))
        }
        let mark = Place.mark(of: place)
        for (node, known) in addresses.learned where known.entry.placeMark == mark && neighbours[node] == nil {
            if known.entry.models.contains(exchange.model) { mates.append(Place.number(of: node)) }
        }
        exchanges[version]?.crossings?.mates = mates
    }
}
