/// Who is offered a chunk next: the lowest.
///
/// First whoever has few offers open, so that a slow neighbour gets less. Then the load: each place is to get as many
/// chunks as another, since whoever has them gives them away to all places; but no neighbour is to get more than a
/// quarter above its share, since it has each chunk to give to neighbours in many places and in its own. Where a place
/// has one neighbour of the seed and another has sixteen, the latter gets more. (400 nodes in 10 racks, simulated, last
/// node over limit: 1.49 with equal shares of the places, 1.24 with equal shares of the neighbours, where the seed's
/// own rack was last; 1.20 this way and with more neighbours in other racks.)
struct OfferRank: Comparable {
    /// One offer more or less says nothing yet.
    private let openPairCount: Int
    private let load: Int
    private let openCount: Int
    private let servedCount: Int

    /// - Parameters:
    ///   - served: The chunks that went to the neighbour, and how many neighbours lack some.
    ///   - servedInPlace: The chunks that went to all of its place, and how many places have such neighbours.
    init(openCount: Int, served: (count: Int, of: Int), servedInPlace: (count: Int, of: Int)) {
        openPairCount = openCount / 2
        self.openCount = openCount
        servedCount = served.count
        load = max(5 * servedInPlace.count * servedInPlace.of, 4 * served.count * served.of)
    }

    static func < (left: OfferRank, right: OfferRank) -> Bool {
        (left.openPairCount, left.load, left.openCount, left.servedCount)
            < (right.openPairCount, right.load, right.openCount, right.servedCount)
    }
}
