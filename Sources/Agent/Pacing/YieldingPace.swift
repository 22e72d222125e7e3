internal import Units

/// The pace of one low-priority link: it takes what nobody else wants, and goes down as soon as a queue builds up.
///
/// The kernel tells how long segments take now and at best; the difference is the queue on the way, whoever fills it.
/// Below `Limits.yieldingDelayTarget` the pace goes up, the faster the emptier the queue; above it goes down; a segment
/// that was lost halves it. For a while after others were noticed it goes up by little steps only, so that a queue too
/// short to show in the delay is left to them as well. (The idea is that of LEDBAT, RFC 6817, with a rate instead of a
/// window.)
struct YieldingPace {
    /// What the kernel says of the connection.
    struct Sample {
        let roundTrip: Duration
        let roundTripMin: Duration
        let ackedByteCount: Int64
        let retransmittedSegmentCount: Int
    }

    /// Bytes a second.
    private(set) var bytesPerSecond: Double
    private var last: Sample?
    private var lastAt: Instant
    private var cededAt: Instant?

    private static let start = 1e6
    private static let rateMax = 1e10
    private static let step = Duration.milliseconds(100)
    /// How long others count as there after they were noticed last.
    private static let caution = Duration.seconds(3)
    /// Bytes a second that a step adds meanwhile.
    private static let cautiousGain = 16_000.0
    private static let gain = 0.25

    init(now: Instant) {
        bytesPerSecond = Self.start
        lastAt = now
    }

    /// Whether it is time for a sample.
    func wantsSample(now: Instant) -> Bool {
        now - lastAt >= max(Self.step, min(last?.roundTrip ?? .zero, .seconds(1)))
    }

    /// Takes a sample and moves.
    /// - Parameter least: bytes a second that stay in any case.
    mutating func note(_ sample: Sample, least: Double, now: Instant) {
        defer {
            last = sample
            lastAt = now
        }
        // After a pause the numbers say nothing of the way as it is now.
        guard let last, now > lastAt, now - lastAt < .seconds(2), sample.roundTripMin > .zero else { return }
        let delivered = Double(sample.ackedByteCount - last.ackedByteCount) / (now - lastAt).inSeconds
        let queue = max(.zero, sample.roundTrip - sample.roundTripMin).inSeconds
        let excess = queue / Limits.yieldingDelayTarget.inSeconds - 1
        // What gets through is the base once there is a queue: more than that only makes it longer.
        if excess > -0.9 { bytesPerSecond = min(bytesPerSecond, delivered) }
        if sample.retransmittedSegmentCount > last.retransmittedSegmentCount {
            cededAt = now
            bytesPerSecond /= 2
        } else if excess > 0 {
            if excess > 0.5 { cededAt = now }
            bytesPerSecond *= 1 - min(1, excess) / 2
        } else if delivered * 2 >= bytesPerSecond {
            // Only a pace that is used says that there is room for more.
            let isCautious = cededAt.map { now - $0 < Self.caution } ?? false
            bytesPerSecond += -excess * (isCautious ? Self.cautiousGain : bytesPerSecond * Self.gain)
        }
        bytesPerSecond = min(max(bytesPerSecond, least), Self.rateMax)
    }
}
