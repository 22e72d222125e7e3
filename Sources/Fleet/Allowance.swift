import Units

/// So many at once, and so many in a second after that.
struct Allowance: Hashable, Sendable {
    private let burst: Int
    private let perSecond: Int
    private var left: Double
    private var countedAt: Instant

    init(burst: Int, perSecond: Int, now: Instant) {
        self.burst = burst
        self.perSecond = perSecond
        left = Double(burst)
        countedAt = now
    }

    /// How many there are now, of those that are asked for; they are taken.
    mutating func take(_ count: Int, now: Instant) -> Int {
        left = min(Double(burst), left + max(0, (now - countedAt).inSeconds) * Double(perSecond))
        countedAt = now
        let taken = min(count, Int(left))
        left -= Double(taken)
        return taken
    }

    /// When there is one again.
    func nextAt(now: Instant) -> Instant {
        guard left < 1 else { return now }
        return now + .nanoseconds(Int64((1 - left) / Double(perSecond) * 1e9) + 1)
    }
}
