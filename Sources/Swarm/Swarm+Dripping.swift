import OrderedCollections
import Units
import Wire

/// A source that gives a chunk drop by drop: it is never silent, and where it is the only one, slower than no other.
extension Swarm {
    /// What it gave little of in `Limits.strideDuration` is asked for again, perhaps of the same source: it may
    /// have had a bad moment. Three such losses in a row end the connection. True if anything was given up.
    mutating func giveUpDrippingRequests(of node: NodeID) -> Bool {
        guard let place = neighbours.index(forKey: node) else { return false }
        let stride = max(Limits.strideDuration, downlinkWait(forNeighbourAt: place))
        let dripping = neighbours.values[place].requests.values.filter {
            $0.isDripping(at: clock, after: stride * patienceFactor(for: $0))
        }
        guard !dripping.isEmpty else { return false }
        for request in dripping { lose(request) }
        emit(.note(.sourceSlow(node, requestCount: dripping.count)))
        backOff(node, until: clock + .seconds(1))
        countLoss(of: node)
        return true
    }
}

extension Neighbour.Request {
    mutating func note(_ byteCount: Int, at now: Instant) {
        if beganAt == nil { beganAt = now }
        received += byteCount
        strideByteCount += byteCount
        guard strideBegan == nil || strideByteCount >= Limits.strideByteCount else { return }
        strideBegan = now
        strideByteCount = 0
    }

    /// True if it began to come, and came by too little for too long.
    func isDripping(at now: Instant, after duration: Duration) -> Bool {
        strideBegan.map { now - $0 >= duration } ?? false
    }
}
