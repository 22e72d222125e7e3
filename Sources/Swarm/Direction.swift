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
    private var waits = OfferWaits()
    private var firstOfferAt: Instant?
    /// Offers made since.
    private var offeredCount = 0
    /// Offers still to be sent that keep the uplink busy, as far as was seen. In chunks.
    private(set) var depth = 2.0
    /// Invariant: the number of offers that are not sent.
    private(set) var unsentCount = 0
    /// Offers open to each neighbour that has any.
    private var openCounts: [NodeID: Int] = [:]
    /// Chunks that went to each place.
    private var servedCounts: [PlaceKey: Int] = [:]
    /// Whether each chunk was held by some neighbour once.
    var isCopyOut = false

    init(capacity: Int) { offeredBits = ChunkBits(capacity: capacity) }

    mutating func open(_ chunk: ChunkIndex, to neighbour: NodeID, at now: Instant) {
        close(chunk)
        offers[chunk] = Offer(neighbour: neighbour, madeAt: now, lastMove: now)
        offeredBits.insert(chunk)
        unsentCount += 1
        openCounts[neighbour, default: 0] += 1
        offeredCount += 1
        if firstOfferAt == nil { firstOfferAt = now }
    }

    mutating func noteServed(_ place: PlaceKey) { servedCounts[place, default: 0] += 1 }

    func servedCount(of place: PlaceKey) -> Int { servedCounts[place] ?? 0 }

    /// A neighbour announced the chunk, perhaps not the one that was offered it.
    mutating func fulfil(_ chunk: ChunkIndex, by node: NodeID, at now: Instant) {
        guard let offer = offers[chunk] else { return }
        let wait = now - offer.madeAt
        usualWait = usualWait.map { $0 * 7 / 8 + wait / 8 } ?? wait
        if node == offer.neighbour { waits.add(wait, of: node) }
        close(chunk)
    }

    /// Neighbours that are too slow to be offered anything, where so many chunks are still to be offered; these are
    /// counted only if some neighbour is slow.
    func tooSlow(restCount: @autoclosure () -> Int, at now: Instant) -> Set<NodeID> {
        guard let firstOfferAt else { return [] }
        return waits.tooSlow(for: (now - firstOfferAt) * restCount() / max(1, offeredCount))
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
        guard offeredBits.remove(chunk), let offer = offers.removeValue(forKey: chunk) else { return }
        if !offer.isSent { unsentCount -= 1 }
        let rest = openCount(to: offer.neighbour) - 1
        openCounts[offer.neighbour] = rest > 0 ? rest : nil
    }

    /// True if some offers were open to the neighbour.
    mutating func closeAll(to neighbour: NodeID) -> Bool {
        waits.remove(neighbour)
        let lost = offers.filter { $0.value.neighbour == neighbour }.map { $0.key }
        for chunk in lost { close(chunk) }
        return !lost.isEmpty
    }

    /// A chunk was sent, and so many more were asked for: with none the uplink is about to idle, since offers and the
    /// requests for them are still on their way, and more must be under way; with many fewer would do.
    mutating func noteDemand(_ queuedCount: Int, ampleCount: Int) {
        if queuedCount == 0 {
            depth = min(depth + 1, Double(Limits.offerCountMax))
        } else if queuedCount > ampleCount {
            depth = max(2, depth - 0.125)
        }
    }

    /// Bytes of the chunk were asked for by the neighbour or sent to it, or all of them were sent.
    mutating func note(_ chunk: ChunkIndex, to neighbour: NodeID, isSent: Bool, at now: Instant) {
        guard let place = offers.index(forKey: chunk), offers.values[place].neighbour == neighbour else { return }
        offers.values[place].lastMove = now
        guard isSent, !offers.values[place].isSent else { return }
        offers.values[place].isSent = true
        unsentCount -= 1
    }

    func openCount(to neighbour: NodeID) -> Int { openCounts[neighbour] ?? 0 }
}
