import OrderedCollections
import Units
import Wire

/// A place that is found, and in one piece.
///
/// In a large cluster the neighbours of a node know few others of its place, or none, and a place in two groups fetches
/// two copies of everything across the slow links (of 24 racks of 40 nodes seven had one or two nodes on their own,
/// simulated, and none this way). So nodes beyond the place also name the ones that they only heard of. Nobody does so
/// for its own place, which is why what is wrong or long past goes one step further than it would and no more.
///
/// The first nodes of a place may have as many neighbours as they need in each other, and so may the next ones, who
/// heard of the first too late. So each node also wants the one that comes next after it in the order of their
/// identifiers, of all that it knows in its place: those links are a ring through all groups that know of each other.
extension Swarm {
    private static let ringDialPause = Duration.seconds(1)
    /// Nodes of other places may have this one's mark. With so many neighbours of that kind no more are tried.
    private static let strangerCountMax = 4

    /// Some nodes of the recipient's place, which is not this node's, that this one heard of: those that come next
    /// after it, a few of each teller at most, so that none fills the list alone.
    func matesHeardOf(by recipient: NodeID, at address: IPAddress, but told: Set<NodeID>) -> [PeerEntry] {
        let mark = neighbours[recipient].map { Place.mark(of: $0.place) } ?? 0
        guard mark != 0, mark != Place.mark(of: place) else { return [] }
        let mates = addresses.learned.values.filter {
            $0.entry.placeMark == mark && $0.entry.node != recipient && $0.teller != recipient
                && !told.contains($0.entry.node)
                && AddressBook.isDiallable($0.entry.endpoint, loopbackAllowed: address.isLoopback)
        }
        let start = Place.number(of: recipient)
        let next = mates.sorted { Place.number(of: $0.entry.node) &- start < Place.number(of: $1.entry.node) &- start }
        var tellers: [NodeID: Int] = [:]
        let named = next.filter { mate in
            tellers[mate.teller, default: 0] += 1
            return tellers[mate.teller, default: 0] <= Limits.heardOfMateCountMax / 2
        }
        return named.prefix(Limits.heardOfMateCountMax).map { $0.entry }
    }

    /// Whoever is of one of these places is to hear of the nodes in it that this one has just heard of from the teller.
    mutating func staleMates(ofMarks marks: Set<UInt8>, but teller: NodeID) {
        guard !marks.isEmpty else { return }
        for index in neighbours.values.indices where neighbours.values[index].place != place {
            guard neighbours.keys[index] != teller, marks.contains(Place.mark(of: neighbours.values[index].place))
            else { continue }
            neighbours.values[index].peersAreStale = true
            wake(by: neighbours.values[index].peersDueAt)
        }
    }

    /// The node that comes next, of those that may be dialled now; nil if a neighbour comes before them, while somebody
    /// of the place is being dialled, a second after the last one (whoever invents nodes shall not have all dial
    /// them), and where there is no place.
    func nextInRing() -> NodeID? {
        // Who answers at a configured address is not known before it does, and may be the next one.
        guard place != 0, ringDialNotBefore == nil, !addresses.peers.contains(where: { $0.attempts.isDialling })
        else { return nil }
        let mark = Place.mark(of: place)
        guard addresses.diallingCounts(mark: mark).inside == 0, strangerCount(mark) < Self.strangerCountMax
        else { return nil }
        var next: (node: NodeID, distance: UInt64, isLinked: Bool)?
        func consider(_ node: NodeID, isLinked: Bool) {
            let distance = Place.number(of: node) &- Place.number(of: self.node)
            if let next, next.distance <= distance { return }
            next = (node, distance, isLinked)
        }
        for neighbour in neighbours.values where neighbour.isInside { consider(neighbour.node, isLinked: true) }
        for known in addresses.learned.values.indices where addresses.learned.values[known].entry.placeMark == mark {
            let node = addresses.learned.keys[known]
            guard isDue(addresses.learned.values[known].attempts), isFree(node) else { continue }
            consider(node, isLinked: false)
        }
        return next.flatMap { $0.isLinked ? nil : $0.node }
    }

    mutating func noteRingDial() {
        ringDialNotBefore = clock + Self.ringDialPause
        wake(by: clock + Self.ringDialPause)
    }

    /// True if the pause after a dial is over just now.
    mutating func endRingPause() -> Bool {
        guard let end = ringDialNotBefore, end <= clock else { return false }
        ringDialNotBefore = nil
        return true
    }

    /// Neighbours that have the mark, and another place.
    private func strangerCount(_ mark: UInt8) -> Int {
        neighbours.values.reduce(0) { $0 + (!$1.isInside && Place.mark(of: $1.place) == mark ? 1 : 0) }
    }
}
