import OrderedCollections
import Units
import Wire

/// One connection.
struct Neighbour: Sendable {
    /// A chunk that was asked for.
    struct Request: Sendable {
        let ticket: ChunkTicket
        let byteCount: Int
        let sentAt: Instant
        /// How much was asked for when it was made, itself included, in chunks of usual size.
        let depth: Double
        /// It was offered, and is beyond the usual number.
        var isOffered = false
        var received = 0
        /// When its first byte had come.
        var beganAt: Instant?
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
    /// The place that its labels name; 0 if they name none.
    let place: PlaceKey
    /// Whether no slow link lies between it and this node, as far as labels say.
    let isInside: Bool
    var node: NodeID { introduction.node }
    var models: [ModelName] = []

    // Downloads. Invariant: `outstandingByteCount` is the sum over `requests`.
    var requests: Table<RequestID, Request> = [:]
    var outstandingByteCount = 0
    /// Requests beyond the usual number, by bandwidth times delay.
    var extraWindow = 0
    /// Late bytes that are still tolerated, by cancelled request; oldest first.
    var cancelled: OrderedDictionary<RequestID, (version: Digest, rest: Int)> = [:]
    var lastRequestNumber: RequestID = 0
    var backOffUntil: Instant?
    var slowCount = 0
    var turns = NeighbourTurns()

    // Watching it.
    var lastHeard: Instant
    var lastData: Instant
    /// Since when requests have been outstanding without a pause.
    var waitingSince: Instant
    var usualGapNanoseconds: Int64 = 100_000_000
    /// How long a request usually waits for its first byte.
    var usualWaitNanoseconds: Int64 = 0
    var isProbed = false
    /// Silent with requests outstanding; not asked until it is heard.
    var isSilent = false
    /// It was taken for silent, and no data came since.
    var isSuspect = false
    /// How often it was taken for silent while its data was on the way, less the chunks that came since.
    var falseAlarmCount = 0
    var lastStallCheck: Instant
    var lossesInARow = 0
    /// Requests that it sent away since it last gave a chunk.
    var redirectsInARow = 0
    var paceSince: Instant
    var paceByteCount = 0
    /// Bytes a second in the last whole window of three seconds.
    var lastPace: Double?

    // Uploads.
    var queue: [QueuedUpload] = []
    /// Chunks that are being sent to it. Invariant: as many of `Swarm.uploads` name it.
    var activeUploadCount = 0
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
    private var peersSentAt: Instant
    /// Beside the list at the start of the connection.
    private var peersSentCount = 0
    /// Something changed since.
    var peersAreStale = false

    init(_ introduction: Introduction, seenFrom labels: [String: String], now: Instant) {
        self.introduction = introduction
        distanceByLabels = Place.distance(from: labels, to: introduction.labels)
        place = Place.key(of: introduction.labels)
        isInside = Place.isInside(labels, introduction.labels)
        lastHeard = now
        lastData = now
        waitingSince = now
        lastStallCheck = now
        paceSince = now
        peersSentAt = now
    }

    /// When a list may follow the last one: soon at first, while a cluster starts and everybody gets to know others, of
    /// whom whoever has nobody near by hears this way alone.
    var peersDueAt: Instant {
        peersSentAt + min(Limits.peersPauseMin * (1 << min(peersSentCount, 8)), Limits.peersPauseMax)
    }

    mutating func notePeersSent(at now: Instant) {
        peersAreStale = false
        peersSentAt = now
        peersSentCount += 1
    }

    /// By labels; where they say nothing, by round-trip time.
    var distance: Distance {
        if let distanceByLabels { return distanceByLabels }
        guard let roundTrip else { return .sameRegion }
        if roundTrip < .milliseconds(1) { return .sameRack }
        if roundTrip < .milliseconds(3) { return .sameZone }
        return roundTrip < .milliseconds(20) ? .sameRegion : .far
    }

    /// Three times the usual gap, or twice the usual wait, within half a second and one and a half; doubled for each
    /// false alarm, since its bytes may queue before a link that both ends do not see.
    var silenceLimit: Int64 {
        let usual = min(max(usualGapNanoseconds * 3, usualWaitNanoseconds * 2, 500_000_000), 1_500_000_000)
        return usual << Int64(falseAlarmCount)
    }

    /// What decides between sources that have as much to do: labels, and without them only a delay of another order.
    var remoteness: Distance {
        if let distanceByLabels { return distanceByLabels }
        guard let roundTrip, roundTrip >= .milliseconds(20) else { return .sameRegion }
        return .far
    }

    /// In how many seconds one more chunk would be here, as far as is known. Where others ask too, this tells how long
    /// the neighbour's queue is.
    ///
    /// - Parameter usualByteCount: of a chunk.
    func expectedWait(at now: Instant, _ all: Turns, neighbourCount: Int, usualByteCount: Int) -> Double {
        guard !requests.isEmpty else { return turns.expectedSeconds(all, neighbourCount: neighbourCount) }
        let age = (now - requests.values[0].sentAt).inSeconds
        return turns.expectedSeconds(behind: depth(with: 0, usualByteCount: usualByteCount), waitingFor: age)
    }

    /// What is asked for, with so many bytes more, in chunks of usual size, at least one: sizes differ, and a count of
    /// chunks says little then.
    func depth(with byteCount: Int, usualByteCount: Int) -> Double {
        max(1, Double(outstandingByteCount + byteCount) / Double(usualByteCount))
    }

    func isUsable(at now: Instant) -> Bool {
        if isSilent { return false }
        if let backOffUntil, backOffUntil > now { return false }
        return true
    }

    mutating func noteHeard(at now: Instant) {
        if !requests.isEmpty, !isSilent {
            let gap = now.nanoseconds - max(lastHeard, waitingSince).nanoseconds
            usualGapNanoseconds = (usualGapNanoseconds * 7 + gap) / 8
        }
        lastHeard = now
        isProbed = false
        isSilent = false
    }

    /// Data of it came, asked for or late.
    mutating func clearSuspicion() {
        guard isSuspect else { return }
        isSuspect = false
        falseAlarmCount = min(falseAlarmCount + 1, Limits.patienceDoublingCountMax)
    }

    /// The first byte of a request came.
    mutating func noteBeginning(of request: Request, at now: Instant) {
        let wait = now.nanoseconds - request.sentAt.nanoseconds
        usualWaitNanoseconds = usualWaitNanoseconds == 0 ? wait : (usualWaitNanoseconds * 7 + wait) / 8
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

    /// What it asked for and this agent has not begun to send.
    mutating func takeFirstQueued() -> QueuedUpload? { queue.isEmpty ? nil : queue.removeFirst() }

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
