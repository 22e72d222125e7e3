import OrderedCollections
import Units

/// How far a directing seed is with the first copy of a version.
struct Direction: Sendable {
    /// A chunk that one neighbour was told of, and no neighbour has announced since.
    struct Offer: Sendable {
        let neighbour: NodeID
        let madeAt: Instant
        /// When it was made, asked for, sent in part or sent.
        var lastMove: Instant
        /// All of its bytes are on their way.
        var isSent = false
    }

    /// By chunk, oldest first.
    private(set) var offers: Table<ChunkIndex, Offer> = [:]
    /// The keys of `offers`.
    private(set) var offeredBits: ChunkBits
    /// Whether the last HOLDINGS said so.
    var isAnnounced = false
    /// When the first neighbour that holds or wants the version appeared.
    var firstParticipantAt: Instant?
    /// How long it usually takes from an offer to an announcement.
    private(set) var usualWait: Duration?
    /// Chunks that went to each place.
    private var servedCounts: [PlaceKey: Int] = [:]
    /// Whether each chunk was held by some neighbour once.
    var isCopyOut = false

    init(capacity: Int) { offeredBits = ChunkBits(capacity: capacity) }

    mutating func open(_ chunk: ChunkIndex, to neighbour: NodeID, at now: Instant) {
        offers[chunk] = Offer(neighbour: neighbour, madeAt: now, lastMove: now)
        offeredBits.insert(chunk)
    }

    mutating func noteServed(_ place: PlaceKey) { servedCounts[place, default: 0] += 1 }

    func servedCount(of place: PlaceKey) -> Int { servedCounts[place] ?? 0 }

    /// A neighbour announced the chunk, whoever it is.
    mutating func fulfil(_ chunk: ChunkIndex, at now: Instant) {
        guard let offer = offers[chunk] else { return }
        let wait = now - offer.madeAt
        usualWait = usualWait.map { $0 * 7 / 8 + wait / 8 } ?? wait
        close(chunk)
    }

    /// After that an offer is overdue, in whole nanoseconds.
    var patience: Duration {
        let wait = usualWait.map { Duration.nanoseconds($0.wholeNanoseconds * 2) }
        return max(wait ?? .seconds(10), .milliseconds(500))
    }

    /// The oldest offer that takes far longer than they usually do.
    func overdue(at now: Instant) -> (chunk: ChunkIndex, neighbour: NodeID)? {
        offers.first { $0.value.madeAt + patience <= now }.map { ($0.key, $0.value.neighbour) }
    }

    mutating func close(_ chunk: ChunkIndex) {
        guard offeredBits.remove(chunk) else { return }
        offers[chunk] = nil
    }

    /// True if some offers were open to the neighbour.
    mutating func closeAll(to neighbour: NodeID) -> Bool {
        let lost = offers.filter { $0.value.neighbour == neighbour }.map { $0.key }
        for chunk in lost { close(chunk) }
        return !lost.isEmpty
    }

    mutating func note(_ chunk: ChunkIndex, to neighbour: NodeID, isSent: Bool, at now: Instant) {
        guard let offer = offers[chunk], offer.neighbour == neighbour else { return }
        offers[chunk]?.lastMove = now
        if isSent { offers[chunk]?.isSent = true }
    }

    func openCount(to neighbour: NodeID) -> (all: Int, unsent: Int) {
        var count = (all: 0, unsent: 0)
        for offer in offers.values where offer.neighbour == neighbour {
            count.all += 1
            if !offer.isSent { count.unsent += 1 }
        }
        return count
    }

    var unsentCount: Int { offers.values.reduce(0) { $0 + ($1.isSent ? 0 : 1) } }
}
