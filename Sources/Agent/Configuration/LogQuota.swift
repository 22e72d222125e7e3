internal import Units

/// How much one place in the code may log: a peer that gives cause for complaint again and again must not fill a disk.
///
/// Invariant: there is at most one entry for each place in the code, whatever peers do.
struct LogQuota {
    struct Place: Hashable {
        let file: String
        let line: UInt
    }

    private struct Use {
        var began: Instant
        var count = 0
    }

    private var uses: [Place: Use] = [:]

    /// Takes one line. Nil if it is to be left out, else how many were left out since the last one that was written.
    mutating func take(_ place: Place, now: Instant) -> Int? {
        var use = uses[place] ?? Use(began: now)
        var leftOut = 0
        if now - use.began >= .seconds(Limits.logWindowSeconds) {
            leftOut = max(0, use.count - Limits.logLineCountMax)
            use = Use(began: now)
        }
        use.count += 1
        uses[place] = use
        return use.count <= Limits.logLineCountMax ? leftOut : nil
    }
}
