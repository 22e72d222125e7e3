internal import Units

/// A token bucket: so many at once, so many a second after that.
struct RateLimit {
    private let burst: Double
    private let perSecond: Double
    private var tokens: Double
    private var last: Instant

    init(burst: Int, perSecond: Int, now: Instant) {
        self.burst = Double(burst)
        self.perSecond = Double(perSecond)
        tokens = Double(burst)
        last = now
    }

    /// Takes one if there is one; false if not.
    mutating func takeIfThere(now: Instant) -> Bool {
        guard tokens + (now - last).inSeconds * perSecond >= 1 else { return false }
        return take(now: now) == nil
    }

    /// Takes one; nil if there is one, else how long to wait for it. It is taken in either case.
    mutating func take(now: Instant) -> Duration? {
        tokens = min(burst, tokens + (now - last).inSeconds * perSecond)
        last = now
        tokens -= 1
        return tokens >= 0 ? nil : .milliseconds(Int64(-tokens / perSecond * 1000) + 1)
    }
}
