import OrderedCollections
import Units
import Wire

/// Across a slow link about one copy of a chunk is to come: whoever of a place asks beyond it says so to the others.
extension Swarm {
    /// Says to the neighbours inside that want the version that this agent is about to ask.
    mutating func claim(_ chunk: ChunkIndex, of version: Digest) {
        spread(Claim(chunk: ChunkReference(version: version, chunk: chunk), claimant: node), but: node)
    }

    /// To all neighbours of the place that want the version and lack the chunk, or to some of them where it was
    /// another's claim: whoever does not hear of it asks beyond the place too. (40 nodes to a rack at 1 Gbit/s,
    /// simulated: 1.7 copies into a rack where a claim was passed on to three, 1.03 with eight and 1.02 with all, which
    /// costs half as many control bytes again.)
    private mutating func spread(_ claim: Claim, but sender: NodeID) {
        guard let place = exchanges.index(forKey: claim.chunk.version) else { return }
        var receivers: [NodeID] = []
        for view in exchanges.values[place].views.values.indices {
            let neighbour = exchanges.values[place].views.keys[view]
            guard exchanges.values[place].views.values[view].isInside, neighbour != sender, neighbour != claim.claimant,
                exchanges.values[place].views.values[view].flags.contains(.wants),
                !exchanges.values[place].views.values[view].contains(claim.chunk.chunk)
            else { continue }
            receivers.append(neighbour)
        }
        if claim.claimant != node {
            receivers.shuffle(using: &random)
            receivers = Array(receivers.prefix(Limits.claimPassedOnCountMax))
        }
        for receiver in receivers { send(.claim(claim), to: receiver) }
    }

    mutating func takeClaim(_ claim: Claim, from sender: NodeID) {
        let (version, chunk) = (claim.chunk.version, claim.chunk.chunk)
        guard mayMention([chunk], of: version, sender) else { return }
        guard claim.claimant != node, let place = exchanges.index(forKey: version),
            isInside(sender), exchanges.values[place].crossings != nil
        else { return }
        if exchanges.values[place].askedBeyond.contains(chunk) {
            // Of two that asked, the better placed goes on.
            let isBetter = exchanges.values[place].crossings?.isBetter(claim.claimant, for: chunk) == true
            guard isBetter, takeBackUnbegun(chunk, of: version) else { return }
        }
        guard exchanges.values[place].wanted.contains(chunk),
            exchanges.values[place].crossings?.note(claim.claimant, of: chunk, at: clock) == true
        else { return }
        wakeForTurns()
        guard exchanges.values[place].crossings?.knowsOthers == true else { return }
        spread(claim, but: sender)
    }

    /// A neighbour inside has chunks: what was asked for beyond and has not begun to come is asked of it instead.
    mutating func noteInside(_ chunks: [ChunkIndex], of version: Digest, _ node: NodeID) {
        guard let place = exchanges.index(forKey: version) else { return }
        guard isInside(node) else { return wakeForTurns() }
        guard !exchanges.values[place].askedBeyond.isEmpty else { return }
        for chunk in chunks where exchanges.values[place].askedBeyond.contains(chunk) {
            _ = takeBackUnbegun(chunk, of: version)
        }
    }

    private func isInside(_ node: NodeID) -> Bool {
        neighbours.index(forKey: node).map { neighbours.values[$0].isInside } ?? false
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

    /// A turn to ask beyond the place lasts as long as a claim may take to get to the others, which waits behind bulk
    /// on both links: with 60 ms on links of 20 Mbit/s 1.25 copies crossed into a rack, since the next in line did not
    /// know yet that somebody had asked; with 650 it were 1.07, and nobody was done later (40 nodes in 4 racks,
    /// simulated).
    mutating func fitTurns(ofVersionAt place: Int) {
        let rate = downlink.bytesPerSecond
        guard rate > 0 else { return }
        let duration = Duration.milliseconds(Int64(min(Double(Limits.claimQueueByteCount) / rate * 1000, 1e6)))
        exchanges.values[place].crossings?.turnDuration =
            min(max(duration, Crossings.turnDurationMin), Crossings.turnDurationMax)
    }

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
        guard place != 0, let exchange = exchanges.index(forKey: version) else { return }
        var mates: [UInt64] = []
        for view in exchanges.values[exchange].views.values.indices {
            guard exchanges.values[exchange].views.values[view].isInside,
                exchanges.values[exchange].views.values[view].flags.contains(.wants)
            else { continue }
            mates.append(Place.number(of: exchanges.values[exchange].views.keys[view]))
        }
        let neighbourCount = mates.count
        let mark = Place.mark(of: place)
        let model = exchanges.values[exchange].model
        for known in addresses.learned.values.indices where addresses.learned.values[known].entry.placeMark == mark {
            let node = addresses.learned.keys[known]
            guard neighbours.index(forKey: node) == nil, addresses.learned.values[known].entry.models.contains(model)
            else { continue }
            mates.append(Place.number(of: node))
        }
        exchanges.values[exchange].crossings?.setMates(mates, knowsOthers: mates.count > neighbourCount)
    }
}
