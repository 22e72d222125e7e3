internal import Units

/// To whom a layout is being given: to few at once, so that the uplink of a seed is not spent on layouts. Whoever is
/// told `not now` gets it from those that have it by then, and so it spreads like a chunk.
struct LayoutShares {
    private struct Share {
        let node: NodeID
        let until: Instant
    }

    private var shares: [Digest: [Share]] = [:]

    /// Whether the node gets the layout now; then it counts until it opened the version, or until its time is up.
    /// - Parameter hasOpened: whether a node announced the version to which the layout belongs.
    mutating func take(
        _ layout: Digest, byteCount: Int, for node: NodeID, now: Instant, hasOpened: (NodeID) -> Bool
    ) -> Bool {
        var open = shares[layout, default: []].filter { $0.until > now && $0.node != node && !hasOpened($0.node) }
        defer { shares[layout] = open.isEmpty ? nil : open }
        guard open.count < Self.countMax(byteCount) else { return false }
        open.append(Share(node: node, until: now + Self.duration(byteCount)))
        return true
    }

    /// Forgets shares whose time is up.
    mutating func expire(now: Instant) {
        shares = shares.mapValues { $0.filter { $0.until > now } }.filter { !$0.value.isEmpty }
    }

    private static func countMax(_ byteCount: Int) -> Int {
        max(Limits.layoutShareCountMin, Limits.layoutShareByteCount / max(1, byteCount))
    }

    /// What it takes on a slow link, and then some.
    private static func duration(_ byteCount: Int) -> Duration {
        .milliseconds(Limits.layoutShareMilliseconds + Int64(byteCount) * 1000 / Limits.layoutShareBytesPerSecond)
    }
}
