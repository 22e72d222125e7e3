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
    /// Some nodes of the recipient's place, which is not this node's, that this one heard of.
    func matesHeardOf(by recipient: NodeID, at address: IPAddress) -> [PeerEntry] {
        let mark = neighbours[recipient].map { Place.mark(of: $0.place) } ?? 0
        guard mark != 0, mark != Place.mark(of: place) else { return [] }
        let mates = addresses.learned.values.lazy.filter {
            $0.entry.placeMark == mark && $0.entry.node != recipient && $0.attempts.failureCount == 0
                && AddressBook.isDiallable($0.entry.endpoint, loopbackAllowed: address.isLoopback)
        }
        return mates.prefix(Limits.heardOfMateCountMax).map { $0.entry }
    }

    /// The node that comes next, if it is known and may be dialled; nil if it is a neighbour or being dialled, and
    /// where there is no place.
    func nextInRing() -> NodeID? {
        // Who answers at a configured address is not known before it does, and may be the next one.
        guard place != 0, !addresses.peers.contains(where: { $0.attempts.isDialling }) else { return nil }
        var next: (node: NodeID, distance: UInt64, isLinked: Bool)?
        func consider(_ node: NodeID, isLinked: Bool) {
            let distance = Place.number(of: node) &- Place.number(of: self.node)
            if let next, next.distance <= distance { return }
            next = (node, distance, isLinked)
        }
        for neighbour in neighbours.values where neighbour.isInside { consider(neighbour.node, isLinked: true) }
        let mark = Place.mark(of: place)
        for known in addresses.learned.values.indices where addresses.learned.values[known].entry.placeMark == mark {
            let node = addresses.learned.keys[known]
            let attempts = addresses.learned.values[known].attempts
            if attempts.isDialling {
                consider(node, isLinked: true)
            } else if attempts.failureCount == 0, isDue(attempts), isFree(node) {
                consider(node, isLinked: false)
            }
        }
        return next.flatMap { $0.isLinked ? nil : $0.node }
    }
}
