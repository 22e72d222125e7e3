import Units

/// Holds small turns of the loop apart, as a network card holds its interrupts apart.
///
/// On a link of some ten Mbit/s each packet would wake the loop by itself: waking, asking the kernel what is ready,
/// reading, opening a TLS record's worth and looking at what to do next then cost more than all work on the bytes. A
/// pause of a few milliseconds gathers what comes meanwhile. Whoever is idle most of the time pays nothing, since
/// turns that were not used are saved up; and a turn that brought a lot is followed by the next at once, so that fast
/// links stay fast.
struct TurnModeration {
    /// Small turns are held that far apart, on average.
    static let interval = Duration.milliseconds(4)
    /// Turns that may follow each other at once after an idle time.
    static let savedTurnCountMax = 16.0
    /// A turn that brought more is not small.
    static let smallTurnByteCountMax = 64 << 10

    private var savedTurnCount = savedTurnCountMax
    private var lastEnd: Instant?

    /// A turn is over, in which so many bytes were read: how long to sleep before the next.
    mutating func pause(afterReading byteCount: Int, at now: Instant) -> Duration {
        let passed = lastEnd.map { now - $0 } ?? .zero
        savedTurnCount = min(Self.savedTurnCountMax, savedTurnCount + passed / Self.interval)
        lastEnd = now
        guard byteCount <= Self.smallTurnByteCountMax else { return .zero }
        savedTurnCount -= 1
        guard savedTurnCount < 0 else { return .zero }
        return Self.interval * -savedTurnCount
    }
}
