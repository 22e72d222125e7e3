import OrderedCollections
import Units
import Wire

/// Bytes a second, smoothed over about a second, while something is to be measured.
struct RateMeter: Sendable {
    /// 0 until the first quarter of a second was measured.
    private(set) var bytesPerSecond = 0.0
    private var since: Instant?
    private var byteCount = 0
    private static let step = Duration.milliseconds(250)

    /// Measuring starts, or starts anew after a pause.
    mutating func start(at now: Instant) {
        since = now
        byteCount = 0
    }

    /// The rate up to now, even if nothing comes.
    func current(at now: Instant) -> Double {
        guard let since, now - since >= RateMeter.step else { return bytesPerSecond }
        return Double(byteCount) / (now - since).inSeconds
    }

    mutating func add(_ count: Int, at now: Instant) {
        byteCount += count
        guard let since else { return start(at: now) }
        let elapsed = now - since
        guard elapsed >= RateMeter.step else { return }
        let rate = Double(byteCount) / elapsed.inSeconds
        bytesPerSecond = bytesPerSecond == 0 ? rate : bytesPerSecond * 0.7 + rate * 0.3
        start(at: now)
    }
}

/// One connection.
struct Neighbour: Sendable {
    /// A chunk that was asked for.
    struct Request: Sendable {
        let ticket: ChunkTicket
        let byteCount: Int
        let sentAt: Instant
        var received = 0
        /// When its first byte, or the last whole stride of bytes, had come.
        var strideBegan: Instant?
        var strideByteCount = 0
    }

    /// A chunk that it asks for.
    struct QueuedUpload: Sendable {
        let request: RequestID
        let version: Digest
        let chunk: ChunkIndex
    }

    let introduction: Introduction
    let distanceByLabels: Distance?
    var node: NodeID { introduction.node }
    var models: [ModelName] = []

    // Downloads. Invariant: `outstandingByteCount` is the sum over `requests`.
    var requests: OrderedDictionary<RequestID, Request> = [:]
    var outstandingByteCount = 0
    /// Late bytes that are still tolerated, by cancelled request; oldest first.
    var cancelled: OrderedDictionary<RequestID, (version: Digest, rest: Int)> = [:]
    var lastRequestNumber: RequestID = 0
    var backOffUntil: Instant?
    var slowCount = 0

    // Watching it.
    var lastHeard: Instant
    var lastData: Instant
    /// Since when requests have been outstanding without a pause.
    var waitingSince: Instant
    var usualGap = Duration.milliseconds(100)
    var isProbed = false
    /// Silent with requests outstanding; not asked until it is heard.
    var isSilent = false
    var lastStallCheck: Instant
    var lossesInARow = 0
    var paceSince: Instant
    var paceByteCount = 0
    /// Bytes a second in the last whole window of three seconds.
    var lastPace: Double?

    // Uploads.
    var queue: [QueuedUpload] = []
    var lastServed: UInt64 = 0

    // Versions.
    /// Versions of which this agent sent HOLDINGS on this connection, left ones included.
    var opened: OrderedSet<Digest> = []
    /// What it has of versions that are not known here.
    var strangers: OrderedDictionary<Digest, HolderView> = [:]
    var strangerByteCount = 0
    var hasForgottenStrangers = false

    // Rates and sums.
    var roundTrip: Duration?
    var rate = RateMeter()
    var gauge = SourceGauge()
    /// Bytes a second of the last chunks that were sent to it; nil before the first.
    var uploadPace: Double?
    var receivedByteCount: Int64 = 0
    var sentByteCount: Int64 = 0
    var peersMessages: [Instant] = []
    var rechecks: [Instant] = []
    var peersSentAt: Instant
    /// Something changed since.
    var peersAreStale = false

    init(_ introduction: Introduction, distanceByLabels: Distance?, now: Instant) {
        self.introduction = introduction
        self.distanceByLabels = distanceByLabels
        lastHeard = now
        lastData = now
        waitingSince = now
        lastStallCheck = now
        paceSince = now
        peersSentAt = now
    }

    /// By labels; where they say nothing, by round-trip time.
    var distance: Distance {
        if let distanceByLabels { return distanceByLabels }
        guard let roundTrip else { return .sameRegion }
        if roundTrip < .milliseconds(1) { return .sameRack }
        if roundTrip < .milliseconds(3) { return .sameZone }
        return roundTrip < .milliseconds(20) ? .sameRegion : .far
    }

    /// Three times the usual gap, within half a second and one and a half.
    var silenceLimit: Duration {
        let gap = Duration.nanoseconds((usualGap * 3).wholeNanoseconds)
        return min(max(gap, .milliseconds(500)), .milliseconds(1500))
    }

    func isUsable(at now: Instant) -> Bool {
        if isSilent { return false }
        if let backOffUntil, backOffUntil > now { return false }
        return true
    }

    mutating func noteHeard(at now: Instant) {
        if !requests.isEmpty, !isSilent {
            let gap = now - max(lastHeard, waitingSince)
            usualGap = usualGap * 7 / 8 + gap / 8
        }
        lastHeard = now
        isProbed = false
        isSilent = false
    }

    mutating func drawRequestNumber() -> RequestID {
        lastRequestNumber = lastRequestNumber.next
        return lastRequestNumber
    }

    mutating func open(_ request: Request, at now: Instant) {
        if requests.isEmpty {
            waitingSince = now
            lastData = now
            paceSince = now
            paceByteCount = 0
            rate.start(at: now)
        }
        requests[request.ticket.request] = request
        outstandingByteCount += request.byteCount
    }

    /// Nil if there is no such request.
    mutating func close(_ number: RequestID) -> Request? {
        guard let request = requests.removeValue(forKey: number) else { return nil }
        outstandingByteCount -= request.byteCount
        return request
    }

    /// Remembers what may still come of a request that was cancelled.
    mutating func tolerate(_ request: Request) {
        cancelled[request.ticket.request] = (request.ticket.version, request.byteCount - request.received)
        if cancelled.count > Limits.cancelledRequestCountPerNeighbourMax { cancelled.removeFirst() }
    }
}
