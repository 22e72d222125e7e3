import Units

/// How long requests take on one version, by what its process says: a hundred of them or more at a time.
struct LatencyWatch: Sendable {
    private var start: RolloutCounts?
    /// What one of the last hundred took on average; nil before.
    private(set) var mean: Duration?

    /// Takes what the process says now. True if another hundred came to their end since `mean` was told last.
    mutating func note(_ counts: RolloutCounts) -> Bool {
        guard let start, let before = start.busy, let busy = counts.busy, counts.ended >= start.ended, busy >= before
        else {
            // It counts from here on, or it does not tell.
            self.start = counts.busy == nil ? nil : counts
            return false
        }
        let count = counts.ended - start.ended
        guard count >= Limits.rolloutLatencyCountMin else { return false }
        mean = (busy - before) / count
        self.start = counts
        return true
    }
}

/// Whether requests take too long during a trial.
struct LatencyTrial: Sendable {
    /// What a request took on the version before, when it served last; nil if that is not known.
    let usual: Duration?
    private var watch = LatencyWatch()
    private var slowCount = 0

    init(usual: Duration?) { self.usual = usual }

    /// What is to be said of the version, if requests are too slow twice in a row; nil if they are not.
    mutating func note(_ counts: RolloutCounts, ratioMax: Double) -> String? {
        guard let usual, usual > .zero, watch.note(counts), let mean = watch.mean else { return nil }
        let isSlow =
            mean - usual >= Limits.rolloutLatencyDifferenceMin && mean.inSeconds > ratioMax * usual.inSeconds
        slowCount = isSlow ? slowCount + 1 : 0
        guard slowCount >= Limits.rolloutLatencySlowCountMax else { return nil }
        return "requests take \(Self.text(mean)) in place of \(Self.text(usual)) after the switch"
    }

    private static func text(_ time: Duration) -> String { "\((time.inSeconds * 10_000).rounded() / 10) ms" }
}
