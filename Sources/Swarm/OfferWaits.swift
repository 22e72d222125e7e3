import Units

/// How long a directing seed's neighbours usually take from an offer to their own announcement.
struct OfferWaits: Sendable {
    /// Smoothed. Only neighbours that announced what they were offered.
    private var usual: [NodeID: Duration] = [:]

    /// So many times longer than half of the others is slow.
    private static let slowFactor = 3
    /// A chunk that a slow neighbour got is all over the swarm after so many of its waits.
    private static let spreadFactor = 10

    mutating func add(_ wait: Duration, of node: NodeID) {
        usual[node] = usual[node].map { $0 * 3 / 4 + wait / 4 } ?? wait
    }

    mutating func remove(_ node: NodeID) { usual[node] = nil }

    /// Those for which the others would wait at the end, if they were offered something in the time that is left: they
    /// have not only to get the chunk but to give it away as well. (20 nodes, one of them at a tenth of the rate, half
    /// of the others: 1.09 of the limit when it was offered chunks to the end, 1.07 without, simulated.)
    func tooSlow(for timeLeft: @autoclosure () -> Duration) -> Set<NodeID> {
        guard usual.count > 2 else { return [] }
        let limit = usual.values.sorted()[usual.count / 2] * Self.slowFactor
        let slow = usual.filter { $0.value > limit }
        guard !slow.isEmpty else { return [] }
        let timeLeft = timeLeft()
        return Set(slow.filter { $0.value * Self.spreadFactor > timeLeft }.keys)
    }
}
