import Units

/// How long a chunk takes to come, from asking for it, for each chunk asked for of that neighbour by then.
struct Turns: Sendable {
    /// Chunks that came whole, of whatever version and neighbour.
    private(set) var count = 0
    /// In seconds, smoothed over all neighbours; 0 before the first.
    private(set) var usualSeconds = 0.0
    /// The same for each byte: versions may have chunks of different sizes.
    private(set) var usualSecondsPerByte = 0.0

    fileprivate mutating func add(_ seconds: Double, byteCount: Int) {
        let share = count == 0 ? 1 : 0.05
        usualSeconds += (seconds - usualSeconds) * share
        usualSecondsPerByte += (seconds / Double(max(1, byteCount)) - usualSecondsPerByte) * share
        count += 1
    }
}

/// The same of one neighbour.
///
/// What is known of a neighbour that gave nothing since is worth less and less, and drifts to what is usual. Otherwise
/// those whose first chunks came late, in the rush at the start, are never asked again: of 20 nodes, one of them slow,
/// two gave a sixth of what the others did, and all ended 8 % later. To take them for faster than usual is no better,
/// since all ask them at once then.
struct NeighbourTurns: Sendable {
    /// Smoothed; 0 before the first.
    private(set) var seconds = 0.0
    /// What `Turns.count` was then.
    private var countAtLast = 0

    /// Whoever is not known yet counts as fast.
    private static let secondsMin = 1e-3
    private static let staleAfterRounds = 2.0

    mutating func add(_ seconds: Double, byteCount: Int, to all: inout Turns, neighbourCount: Int) {
        let age = max(0, staleness(all, neighbourCount) - 1)
        let oldWeight = self.seconds == 0 ? 0 : 0.7 / (1 + age)
        self.seconds = self.seconds * oldWeight + seconds * (1 - oldWeight)
        all.add(seconds, byteCount: byteCount)
        countAtLast = all.count
    }

    /// In how many seconds a chunk would be here that is asked for now, while nothing else is asked of it.
    func expectedSeconds(_ all: Turns, neighbourCount: Int) -> Double {
        let excess = max(0, seconds - all.usualSeconds)
        return max(seconds - excess + excess / (1 + staleness(all, neighbourCount)), Self.secondsMin)
    }

    /// The same while so many are asked for, the oldest so long ago.
    func expectedSeconds(behind chunkCount: Double, waitingFor age: Double) -> Double {
        max(seconds, age, Self.secondsMin) * (chunkCount + 1)
    }

    /// 1 after so many chunks that each neighbour could have given `staleAfterRounds`.
    private func staleness(_ all: Turns, _ neighbourCount: Int) -> Double {
        Double(all.count - countAtLast) / (Self.staleAfterRounds * Double(max(1, neighbourCount)))
    }
}
