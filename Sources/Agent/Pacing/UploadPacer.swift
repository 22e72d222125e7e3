internal import EventLoop
internal import Units

/// Lets the bulk of all links out at the rates that are in force. Control frames do not come by here.
///
/// Links take turns, a piece at a time. One that has to wait is called when its turn has come; nothing polls.
@LoopActor
final class UploadPacer {
    private var ledger = PaceLedger()
    /// Who waits, the longest first; each at most once.
    private var waiting: [UploadLane] = []
    private var timer: LoopTimer?

    init() {
        timer = LoopTimer { [weak self] in self?.serve() }
    }

    /// Other rates from now on.
    func setRates(_ rates: PaceRates) {
        ledger.setRates(rates, now: Clock.now())
        serve()
    }

    /// Stops the clock; who waits is not called any more.
    func close() {
        timer?.close()
        timer = nil
        waiting.removeAll()
    }

    /// How much the lane may send now; nil if it has to wait, and then `onTurn` is called.
    fileprivate func turn(of lane: UploadLane) -> Int? {
        guard lane.isYielding || ledger.isLimited(lane.linkClass) else { return Limits.uploadReadByteCount }
        let now = Clock.now()
        guard wait(of: lane, now) == .zero, !waiting.contains(where: { wait(of: $0, now) == .zero }) else {
            if !waiting.contains(where: { $0 === lane }) { waiting.append(lane) }
            wakeWhenDue(now)
            return nil
        }
        return lane.pieceByteCount(
            atMost: ledger.pieceByteCount(for: lane.linkClass, atMost: Limits.uploadReadByteCount))
    }

    fileprivate func note(_ byteCount: Int, over lane: UploadLane) {
        ledger.take(byteCount, over: lane.linkClass, now: Clock.now())
    }

    /// Lanes of low priority that are busy, for their share of the least pace.
    fileprivate var yieldingCount: Int { waiting.reduce(0) { $0 + ($1.isYielding ? 1 : 0) } }

    private func wait(of lane: UploadLane, _ now: Instant) -> Duration {
        max(ledger.wait(for: lane.linkClass, now: now), lane.wait(now: now))
    }

    private func serve() {
        let before = waiting
        waiting = []
        var still: [UploadLane] = []
        for lane in before where !lane.isClosed {
            if wait(of: lane, Clock.now()) == .zero { lane.onTurn?() } else { still.append(lane) }
        }
        waiting = still + waiting
        wakeWhenDue(Clock.now())
    }

    private func wakeWhenDue(_ now: Instant) {
        guard let soonest = waiting.map({ wait(of: $0, now) }).min() else { return }
        timer?.start(after: max(.milliseconds(1), soonest))
    }
}

/// One link's way to the pacer.
@LoopActor
final class UploadLane {
    /// Called when there is room again for a lane that was told to wait.
    var onTurn: (@LoopActor () -> Void)?
    private(set) var linkClass: LinkClass
    private(set) var isClosed = false
    private let pacer: UploadPacer
    private let stream: ByteStream
    private static let pacingMargin = 1.1
    private var yielding: (pace: YieldingPace, bucket: TokenBucket)?

    init(_ pacer: UploadPacer, _ stream: ByteStream, linkClass: LinkClass) {
        self.pacer = pacer
        self.stream = stream
        self.linkClass = linkClass
    }

    var isYielding: Bool { yielding != nil }

    /// From now on as a link of this class and priority.
    func set(_ linkClass: LinkClass, _ priority: LinkPriority) {
        self.linkClass = linkClass
        guard (priority == .low) != isYielding else { return }
        guard priority == .low else {
            yielding = nil
            stream.setPacingRate(nil)
            stream.setTrafficClass(.ordinary)
            return stream.setUnsentByteCountMax(0)
        }
        let now = Clock.now()
        let pace = YieldingPace(now: now)
        yielding = (pace, TokenBucket(bytesPerSecond: pace.bytesPerSecond, now: now))
        stream.setTrafficClass(.background)
        stream.setUnsentByteCountMax(Limits.yieldingUnsentByteCountMax)
    }

    /// How much may be sent now; nil if `onTurn` will be called.
    func turn() -> Int? {
        guard !isClosed else { return Limits.uploadReadByteCount }
        sample()
        return pacer.turn(of: self)
    }

    /// So much was sent.
    func note(_ byteCount: Int) {
        guard !isClosed else { return }
        yielding?.bucket.take(byteCount, now: Clock.now())
        pacer.note(byteCount, over: self)
    }

    /// The link is gone.
    func close() {
        isClosed = true
        onTurn = nil
    }

    fileprivate func wait(now: Instant) -> Duration { yielding?.bucket.wait(now: now) ?? .zero }

    fileprivate func pieceByteCount(atMost most: Int) -> Int { min(most, yielding?.bucket.pieceByteCount ?? most) }

    private func sample() {
        let now = Clock.now()
        guard yielding?.pace.wantsSample(now: now) == true, let state = stream.transportState else { return }
        yielding?.pace.note(
            .init(
                roundTrip: state.roundTrip, roundTripMin: state.roundTripMin, ackedByteCount: state.ackedByteCount,
                retransmittedSegmentCount: state.retransmittedSegmentCount),
            least: Limits.yieldingRateMin / Double(max(1, pacer.yieldingCount + 1)), now: now)
        guard let rate = yielding?.pace.bytesPerSecond, rate != yielding?.bucket.bytesPerSecond else { return }
        yielding?.bucket.setRate(rate, now: now)
        // A piece that went out at once would be a queue of our own, and pass for somebody else's.
        stream.setPacingRate(Int(rate * Self.pacingMargin))
    }
}
