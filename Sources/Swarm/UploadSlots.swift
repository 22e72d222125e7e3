import Units

/// How many chunks are sent at once.
///
/// A few fill the uplink where all links are alike, and more would make each of them late. But where receivers are
/// busy with what others send, or have slower links, a few leave it idle, and nothing here tells whose link it is that
/// is full. So now and then one more or one less is tried: more is kept if clearly more goes out, less if as much does.
struct UploadSlots: Sendable {
    private enum Trial { case none, more, fewer }

    private(set) var count: Int
    private let counts: ClosedRange<Int>
    private var trial = Trial.none
    private var countBefore = 0
    private var lastTrial = Trial.fewer
    /// Bytes a second before the trial.
    private var rateBefore = 0.0
    private var since: Instant?
    private var byteCount = 0
    private var restCount = 0

    private static let period = Duration.milliseconds(250)
    /// Periods without a trial after one that failed.
    private static let restCountMax = 6
    private static let gainMin = 1.08
    private static let lossMax = 0.97

    init(_ counts: ClosedRange<Int>) {
        self.counts = counts
        count = counts.lowerBound
    }

    /// Bytes went out. `isWanted` says whether more was asked for than is being sent: without it a rate says nothing.
    mutating func note(_ sentByteCount: Int, isWanted: Bool, at now: Instant) {
        guard isWanted, let start = since else {
            since = isWanted ? now : nil
            byteCount = 0
            return
        }
        byteCount += sentByteCount
        guard now - start >= Self.period else { return }
        judge(Double(byteCount) / (now - start).inSeconds)
        since = now
        byteCount = 0
    }

    private mutating func judge(_ rate: Double) {
        switch trial {
        case .none:
            rateBefore = rate
            restCount -= 1
            if restCount < 0 { begin(lastTrial == .more ? .fewer : .more) }
        case .more where rate >= rateBefore * Self.gainMin, .fewer where rate >= rateBefore * Self.lossMax:
            rateBefore = rate
            begin(trial)
        case .more, .fewer:
            count = countBefore
            trial = .none
            restCount = Self.restCountMax
        }
    }

    /// Half as many more, so that a fast link is full soon, or one less.
    private mutating func begin(_ next: Trial) {
        lastTrial = next
        countBefore = count
        count = min(max(counts.lowerBound, next == .more ? count + count / 2 : count - 1), counts.upperBound)
        trial = count == countBefore ? .none : next
    }
}
