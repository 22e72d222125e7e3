import OrderedCollections
import Units
import Wire

/// Directed seeding: where a version was published, each chunk is first given to one neighbour only, so that one whole
/// copy leaves the uplink before any byte leaves it twice.
extension Swarm {
    /// Neighbours have that long to say that they hold or want a version: before a lone participant gets everything
    /// announced, and before an agent looks for others.
    static let companyWait = Duration.seconds(1)
    /// An offer that leads to nothing is made to another after that.
    private static let offerPatience = Duration.seconds(10)
    private static let offerCountPerNeighbourMax = 16

    func directionDeadline(of exchange: VersionExchange) -> Instant {
        guard let direction = exchange.direction else { return .never }
        var deadline = Instant.never
        for offer in direction.offers.values {
            deadline = min(deadline, offer.lastMove + Swarm.offerPatience)
            let overdue = offer.madeAt + direction.patience
            if overdue > clock { deadline = min(deadline, overdue) }
        }
        if direction.isAnnounced, exchange.views.count < 2, let first = direction.firstParticipantAt {
            deadline = min(deadline, first + Swarm.companyWait)
        }
        return deadline
    }

    mutating func noteParticipant(in version: Digest) {
        if exchanges[version]?.direction != nil, exchanges[version]?.direction?.firstParticipantAt == nil {
            exchanges[version]?.direction?.firstParticipantAt = clock
            wake(by: clock + Swarm.companyWait)
        }
        updateDirection(of: version)
    }

    /// With one neighbour alone there is nothing to direct; with two or more there is, until everybody is served.
    private func shallDirect(_ exchange: VersionExchange) -> Bool {
        guard let direction = exchange.direction, exchange.held.isFull else { return false }
        if exchange.views.count >= 2 { return true }
        guard neighbours.count >= 2 else { return false }
        guard let first = direction.firstParticipantAt else { return true }
        return clock - first < Swarm.companyWait
    }

    /// Announces what is here anew where it changed how, or in any case.
    mutating func updateDirection(of version: Digest, mustAnnounce: Bool = false) {
        guard let exchange = exchanges[version] else { return }
        let was = exchange.direction?.isAnnounced ?? false
        if let direction = exchange.direction, direction.isCopyOut, !exchange.views.isEmpty,
            exchange.views.values.allSatisfy({ $0.isComplete })
        {
            exchanges[version]?.direction = nil
        } else if exchange.direction != nil {
            let isDirecting = shallDirect(exchange)
            exchanges[version]?.direction?.isAnnounced = isDirecting
        }
        let isNow = exchanges[version]?.direction?.isAnnounced ?? false
        guard was != isNow || mustAnnounce else { return }
        for node in neighbours.keys { sendHoldings(of: version, to: node) }
        duties.insert(.offer)
    }

    mutating func direct() {
        for version in exchanges.keys where exchanges[version]?.direction != nil {
            updateDirection(of: version)
            if exchanges[version]?.direction?.isAnnounced == true { makeOffers(of: version) }
        }
    }

    private mutating func makeOffers(of version: Digest) {
        while let node = nextOfferee(of: version) {
            guard let chunk = exchanges[version]?.chooseUnheld(random: &random) else { return endCopy(of: version) }
            send(.offer(ChunkReference(version: version, chunk: chunk)), to: node)
            noteOffered(chunk, of: version, to: node)
        }
    }

    /// All chunks are held elsewhere or offered. What a slow neighbour keeps the others waiting for is offered again.
    private mutating func endCopy(of version: Digest) {
        noteCopyIsOut(version)
        guard let (chunk, slow) = exchanges[version]?.direction?.overdue(at: clock),
            let other = nextOfferee(of: version, but: slow)
        else { return }
        send(.offer(ChunkReference(version: version, chunk: chunk)), to: other)
        noteOffered(chunk, of: version, to: other)
    }

    private mutating func noteOffered(_ chunk: ChunkIndex, of version: Digest, to node: NodeID) {
        guard let place = exchanges.index(forKey: version) else { return }
        exchanges.values[place].direction?.open(chunk, to: node, at: clock)
        exchanges.values[place].updateView(of: node) { $0.servedCount += 1 }
        exchanges.values[place].direction?.noteServed(neighbours[node]?.place ?? 0)
        wake(by: clock + Swarm.offerPatience)
        if let direction = exchanges.values[place].direction { wake(by: clock + direction.patience) }
    }

    private mutating func noteCopyIsOut(_ version: Digest) {
        guard let direction = exchanges[version]?.direction, !direction.isCopyOut, direction.offers.isEmpty else {
            return
        }
        exchanges[version]?.direction?.isCopyOut = true
        emit(.note(.copyIsOut(version)))
        updateDirection(of: version)
    }

    /// Among those that want the version and have few offers open the one of the lowest rank.
    private mutating func nextOfferee(of version: Digest, but excluded: NodeID? = nil) -> NodeID? {
        guard let index = exchanges.index(forKey: version), let direction = exchanges.values[index].direction
        else { return nil }
        let isOrdinary = direction.offers.count < limits.offerCount
        // Beyond a few there are as many as keep the uplink busy; those that wait for an announcement do not count.
        let isHungry = direction.unsentCount < Int(direction.depth) && direction.offers.count < Limits.offerCountMax
        guard isOrdinary || isHungry else { return nil }
        let avoided = avoidedOfferees(ofVersionAt: index, but: excluded)
        let lacking = lackingCounts(ofVersionAt: index)
        var best: (view: Int, rank: OfferRank)?
        var tieCount = 0
        for view in exchanges.values[index].views.values.indices {
            let node = exchanges.values[index].views.keys[view]
            guard exchanges.values[index].views.values[view].isLacking, !avoided.contains(node),
                let neighbour = neighbours.index(forKey: node)
            else { continue }
            let open = direction.openCount(to: node)
            let mayTake =
                isOrdinary && open < limits.offerCountPerNeighbour
                || isHungry && open < Swarm.offerCountPerNeighbourMax
            guard mayTake else { continue }
            let rank = OfferRank(
                openCount: open,
                served: (exchanges.values[index].views.values[view].servedCount, lacking.neighbours),
                servedInPlace: (direction.servedCount(of: neighbours.values[neighbour].place), lacking.places))
            if let best, best.rank < rank { continue }
            tieCount = best.map { $0.rank == rank } ?? false ? tieCount + 1 : 1
            if tieCount == 1 || Int.random(in: 0..<tieCount, using: &random) == 0 { best = (view, rank) }
        }
        return best.map { exchanges.values[index].views.keys[$0.view] }
    }

    /// How many neighbours lack chunks, and in how many places they are.
    private func lackingCounts(ofVersionAt index: Int) -> (neighbours: Int, places: Int) {
        var count = 0
        var places: Set<PlaceKey> = []
        for view in exchanges.values[index].views.values.indices
        where exchanges.values[index].views.values[view].isLacking {
            count += 1
            let neighbour = neighbours.index(forKey: exchanges.values[index].views.keys[view])
            if let neighbour { places.insert(neighbours.values[neighbour].place) }
        }
        return (count, places.count)
    }

    /// The one that is excluded, and the slow ones unless they are all that is left.
    private func avoidedOfferees(ofVersionAt index: Int, but excluded: NodeID?) -> Set<NodeID> {
        let exchange = exchanges.values[index]
        var avoided = exchange.direction?.tooSlow(restCount: exchange.unheldCount, at: clock) ?? []
        if let excluded { avoided.insert(excluded) }
        guard exchange.views.allSatisfy({ !$1.isLacking || avoided.contains($0) }) else { return avoided }
        return excluded.map { [$0] } ?? []
    }

    // MARK: What becomes of an offer

    /// A neighbour that asks without an offer gets the chunk as if it had been offered, if nobody has it.
    mutating func noteAsked(for chunk: ChunkIndex, of version: Digest, by node: NodeID) {
        guard let place = exchanges.index(forKey: version), let direction = exchanges.values[place].direction,
            direction.offers[chunk] == nil, direction.isAnnounced, exchanges.values[place].holderCount(of: chunk) == 0
        else {
            exchanges[version]?.direction?.note(chunk, to: node, isSent: false, at: clock)
            return
        }
        noteOffered(chunk, of: version, to: node)
    }

    /// The asker took it back or was refused.
    mutating func noteNotSent(_ chunk: ChunkIndex, of version: Digest, to node: NodeID) {
        guard exchanges[version]?.direction?.offers[chunk]?.neighbour == node else { return }
        exchanges[version]?.direction?.close(chunk)
        duties.insert(.offer)
    }

    mutating func closeOffers(of version: Digest, heldBy node: NodeID) {
        guard let exchange = exchanges[version], let direction = exchange.direction, let view = exchange.views[node]
        else { return }
        for chunk in direction.offers.keys where view.contains(chunk) { exchanges[version]?.direction?.close(chunk) }
    }

    mutating func expireOffers() {
        for version in exchanges.keys {
            guard let direction = exchanges[version]?.direction else { continue }
            for (chunk, offer) in direction.offers where offer.lastMove + Swarm.offerPatience <= clock {
                exchanges[version]?.direction?.close(chunk)
            }
        }
    }
}
