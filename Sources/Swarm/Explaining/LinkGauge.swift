import Units

/// What this node's downlink takes: windows of half a second, and the best of them in the last ten to twenty minutes.
struct LinkGauge: Sendable {
    private static let window = Duration.milliseconds(500)
    /// Two windows. Written out: a product of durations costs as much as the rest of what is done at each event.
    private static let staleAfter = Duration.milliseconds(1_000)
    private static let period = Duration.seconds(600)
    /// A rate that is below the best by no more, or above it by no more than the second, counts as a plateau. What
    /// exceeds the best of before by more is still growing.
    private static let plateau = 0.85...1.1
    /// Sources that were seen to give that much more together than they give now are not what limits. It is more than
    /// a lone source on a plateau can have to spare: its own best is the link's best.
    private static let spare = 1.25

    /// What the configuration allows, in bytes a second; nil if it sets no limit.
    var configured: Double?
    private var began: Instant?
    private var byteCount = 0
    private var periodBegan: Instant?
    private var bestOfPeriod = 0.0
    private var bestBefore = 0.0
    private var endedAt: Instant?
    private var isFull = false

    /// Whether what comes is counted: from the second piece on.
    var isRunning: Bool { began != nil }
    /// The best whole window; 0 until there was one.
    var best: Double { max(bestOfPeriod, bestBefore) }

    /// Counts what came. How long the window was, if this ended it: then `endWindow` must follow.
    mutating func add(_ count: Int, at now: Instant) -> Duration? {
        guard let began else {
            // What came before is not known, so that the first piece only starts the clock.
            self.began = now
            return nil
        }
        byteCount += count
        return now - began >= LinkGauge.window ? now - began : nil
    }

    /// - Parameter potential: the sum of what the sources that delivered were seen to give at best, each for itself.
    mutating func endWindow(of length: Duration, potential: Double, at now: Instant) {
        let rate = Double(byteCount) / length.inSeconds
        if let configured {
            isFull = rate >= LinkGauge.plateau.lowerBound * configured
        } else {
            isFull = best > 0 && LinkGauge.plateau.contains(rate / best) && potential >= LinkGauge.spare * rate
        }
        began = now
        byteCount = 0
        endedAt = now
        if let periodBegan, now - periodBegan >= LinkGauge.period {
            bestBefore = now - periodBegan >= LinkGauge.period * 2 ? 0 : bestOfPeriod
            bestOfPeriod = 0
            self.periodBegan = now
        } else if periodBegan == nil {
            periodBegan = now
        }
        bestOfPeriod = max(bestOfPeriod, rate)
    }

    /// Whether the link is taken up: it was in the last window, and that is no more than two windows ago.
    func isFull(at now: Instant) -> Bool {
        guard isFull, let endedAt else { return false }
        return now - endedAt < LinkGauge.staleAfter
    }
}

/// What one source gives, in the windows of the `LinkGauge`.
struct SourceGauge: Sendable {
    private var byteCount = 0
    private var best = 0.0

    mutating func add(_ count: Int) { byteCount += count }

    /// The best window that it was seen to give, forgotten slowly; 0 if it gave nothing in this one.
    mutating func endWindow(of length: Duration) -> Double {
        guard byteCount > 0 else { return 0 }
        best = max(best * 0.99, Double(byteCount) / length.inSeconds)
        byteCount = 0
        return best
    }
}

/// Bytes a second, smoothed over about three seconds. Unlike `RateMeter` it falls while nothing comes.
struct SmoothedRate: Sendable {
    private static let window = Duration.milliseconds(500)
    private static let weight = 0.2
    private var rate = 0.0
    private var windowCount = 0
    private var began: Instant
    private var byteCount = 0

    init(at now: Instant) { began = now }

    mutating func add(_ count: Int, at now: Instant) {
        endWindows(at: now)
        byteCount += count
    }

    func current(at now: Instant) -> Double {
        var copy = self
        copy.endWindows(at: now)
        // Before the first whole window there is nothing better than its part.
        guard copy.windowCount == 0, now > copy.began else { return copy.rate }
        return Double(copy.byteCount) / (now - copy.began).inSeconds
    }

    private mutating func endWindows(at now: Instant) {
        // After 32 empty windows a thousandth is left.
        var steps = 0
        while now - began >= SmoothedRate.window, steps < 32 {
            windowCount += 1
            steps += 1
            let weight = max(SmoothedRate.weight, 1 / Double(windowCount))
            rate += (Double(byteCount) / SmoothedRate.window.inSeconds - rate) * weight
            byteCount = 0
            began = began + SmoothedRate.window
        }
        if now - began >= SmoothedRate.window {
            rate = 0
            began = now
        }
    }
}
