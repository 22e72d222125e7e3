import Units

/// Bytes a second, smoothed over about a second, while something is to be measured.
struct RateMeter: Sendable {
    /// 0 until the first quarter of a second was measured.
    private(set) var bytesPerSecond = 0.0
    private var since: Instant?
    private var byteCount = 0
    private static let stepNanoseconds: Int64 = 250_000_000

    /// Measuring starts, or starts anew after a pause.
    mutating func start(at now: Instant) {
        since = now
        byteCount = 0
    }

    /// The rate up to now, even if nothing comes.
    func current(at now: Instant) -> Double {
        guard let since, now.nanoseconds - since.nanoseconds >= RateMeter.stepNanoseconds else { return bytesPerSecond }
        return Double(byteCount) / (Double(now.nanoseconds - since.nanoseconds) / 1e9)
    }

    /// True if the rate was measured anew.
    @discardableResult
    mutating func add(_ count: Int, at now: Instant) -> Bool {
        byteCount += count
        guard let since else {
            start(at: now)
            return false
        }
        let elapsed = now.nanoseconds - since.nanoseconds
        guard elapsed >= RateMeter.stepNanoseconds else { return false }
        let rate = Double(byteCount) / (Double(elapsed) / 1e9)
        bytesPerSecond = bytesPerSecond == 0 ? rate : bytesPerSecond * 0.7 + rate * 0.3
        start(at: now)
        return true
    }
}
