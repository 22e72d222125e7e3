/// How much a connection may have under way: TCP in a dozen lines.
///
/// It doubles in each round trip until the first congestion, then grows by a segment or two, and gives a third away at
/// each congestion, at most once a round trip. Nothing is lost: a queue that is too long only marks what passes it.
struct CongestionWindow {
    private(set) var byteCount: Double
    private var threshold = Double.greatestFiniteMagnitude
    private var calmAfter: Nanoseconds = 0
    private var lastUse: Nanoseconds = 0
    private static let segmentByteCount = 1448.0
    /// After a pause that long a window falls back; Linux takes the retransmission time-out, 200 ms and more.
    private static let pause: Nanoseconds = 300_000_000

    init(_ model: NetworkModel) {
        byteCount = Double(model.hasCongestionControl ? model.windowByteCountInitial : model.windowByteCountMax)
    }

    mutating func noteSending(at now: Nanoseconds, isIdle: Bool, _ model: NetworkModel) {
        if model.hasCongestionControl, isIdle, now - lastUse > Self.pause {
            byteCount = min(byteCount, Double(model.windowByteCountInitial))
        }
        lastUse = now
    }

    mutating func noteAcknowledged(_ count: Int, isCongested: Bool, at now: Nanoseconds, _ model: NetworkModel) {
        lastUse = now
        guard model.hasCongestionControl else { return }
        if isCongested { return reduce(at: now) }
        byteCount += byteCount < threshold ? Double(count) : 2 * Self.segmentByteCount * Double(count) / byteCount
        byteCount = min(byteCount, Double(model.windowByteCountMax))
    }

    mutating func reduce(at now: Nanoseconds) {
        guard now >= calmAfter else { return }
        byteCount = max(byteCount * 0.7, 4 * Self.segmentByteCount)
        threshold = byteCount
        // What is under way by now will say the same.
        calmAfter = now + 100_000_000
    }
}
