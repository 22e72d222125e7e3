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
        refill(now: now)
        let taken = min(count, Int(left))
        left -= Double(taken)
        return taken
    }

    /// Whether there are as many as are asked for; then they are taken.
    mutating func takeAll(_ count: Int, now: Instant) -> Bool {
        refill(now: now)
        guard left >= Double(count) else { return false }
        left -= Double(count)
        return true
    }

    private mutating func refill(now: Instant) {
        left = min(Double(burst), left + max(0, (now - countedAt).inSeconds) * Double(perSecond))
        countedAt = now
    }

    /// When there are so many again.
    /// - Precondition: no more than there are at once.
    func nextAt(_ count: Int, now: Instant) -> Instant {
        precondition(count <= burst, "\(count) of at most \(burst)")
        guard left < Double(count) else { return now }
        return now + .nanoseconds(Int64((Double(count) - left) / Double(perSecond) * 1e9) + 1)
    }
}
