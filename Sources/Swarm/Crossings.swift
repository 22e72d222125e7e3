import HeapModule
import Units

/// Which chunks of one version this agent may ask for beyond its place, and when.
///
/// Whoever sees a chunk only beyond its place waits for its turn among the nodes of the place, so that one of them
/// fetches it across the slow link and the others get it inside. A wanted chunk that nobody inside holds is unseen,
/// waiting (for its turn, or for a claim to lapse) or ripe. Invariant: no ripe chunk is held inside or claimed.
struct Crossings: Sendable {
    /// Another node of the place said that it is about to ask.
    struct Claim: Sendable {
        let node: NodeID
        /// Where it comes in the order for that chunk.
        let turn: UInt64
        let until: Instant
        /// How many claims it displaced while they stood.
        let displacedCount: Int
    }

    private struct Turn: Comparable, Sendable {
        let at: Instant
        let chunk: ChunkIndex

        static func < (left: Turn, right: Turn) -> Bool { (left.at, left.chunk) < (right.at, right.chunk) }
    }

    /// The other nodes of the place that want the version, as far as they are known.
    private var mates: [UInt64] = []
    /// Some of them are no neighbours.
    private(set) var knowsOthers = false
    private let node: UInt64
    private let salt: UInt64
    /// Usable neighbours inside that list what they hold.
    private var inside: Rarity
    /// Usable neighbours inside that hold all.
    private var insideCompleteCount = 0
    private(set) var ripe: ChunkBits
    private var waiting: ChunkBits
    private var agenda = Heap<Turn>()
    private(set) var claims: [ChunkIndex: Claim] = [:]

    /// A turn lasts as long as a claim may take to get to all others, which waits in the same queues as bulk.
    var turnDuration = turnDurationUnknown
    /// Before the downlink's rate is known.
    private static let turnDurationUnknown = Duration.milliseconds(250)
    static let turnDurationMin = Duration.milliseconds(10)
    static let turnDurationMax = Duration.seconds(1)
    private static let turnCountMax = 32
    static let claimDuration = Duration.seconds(5)
    /// Claims that come in any order displace each other ln(n) times of n, 4 in the largest places; one who invents
    /// ever better claimants would have a whole place pass each on.
    static let displacedCountMax = 8

    init(node: NodeID, version: Digest, capacity: Int) {
        self.node = Place.number(of: node)
        salt = Place.number(of: version)
        inside = Rarity(capacity: capacity)
        ripe = ChunkBits(capacity: capacity)
        waiting = ChunkBits(capacity: capacity)
    }

    mutating func setMates(_ mates: [UInt64], knowsOthers: Bool) {
        self.mates = mates
        self.knowsOthers = knowsOthers
    }

    /// True while some chunk is to come by itself: from a claimant, or when a turn comes.
    var isPromising: Bool { !waiting.isEmpty || !ripe.isEmpty }
    /// When a turn comes or a claim lapses.
    var nextTurn: Instant? { agenda.min?.at }

    func isInside(_ chunk: ChunkIndex) -> Bool {
        insideCompleteCount > 0 || inside.announced(word: chunk.int / 64) >> UInt64(chunk.int % 64) & 1 != 0
    }

    /// Of the members of `mask` in that word those that nobody inside holds, and that do not wait for anything.
    func unsettled(_ mask: UInt64, word: Int) -> UInt64 {
        guard insideCompleteCount == 0 else { return 0 }
        return mask & ~inside.announced(word: word) & ~ripe.words[word] & ~waiting.words[word]
    }

    // MARK: Who holds what inside

    mutating func addInside(_ chunk: ChunkIndex) {
        inside.add(chunk)
        ripe.remove(chunk)
        claims[chunk] = nil
    }

    mutating func addInside(_ chunks: ChunkBits?) {
        if let chunks { inside.add(chunks) } else { insideCompleteCount += 1 }
        for word in ripe.words.indices where ripe.words[word] != 0 {
            ripe.remove(insideCompleteCount > 0 ? .max : inside.announced(word: word), word: word)
        }
    }

    mutating func removeInside(_ chunks: ChunkBits?) {
        if let chunks { inside.remove(chunks) } else { insideCompleteCount -= 1 }
    }

    // MARK: Turns

    /// A wanted chunk that nobody inside holds is seen beyond. True if it is ripe at once.
    mutating func schedule(_ chunk: ChunkIndex, at now: Instant) -> Bool {
        guard !ripe.contains(chunk), !waiting.contains(chunk), claims[chunk] == nil else { return false }
        let turn = turnNumber(for: chunk)
        guard turn > 0 else { return ripe.insert(chunk) }
        wait(for: chunk, until: now + turnDuration * turn)
        return false
    }

    private mutating func wait(for chunk: ChunkIndex, until moment: Instant) {
        waiting.insert(chunk)
        agenda.insert(Turn(at: moment, chunk: chunk))
    }

    /// How many of the place come before this agent.
    private func turnNumber(for chunk: ChunkIndex) -> Int {
        let own = Place.turn(of: node, for: chunk, salt: salt)
        var count = 0
        for mate in mates where Place.turn(of: mate, for: chunk, salt: salt) < own { count += 1 }
        return min(count, Crossings.turnCountMax)
    }

    /// The next chunk that has waited long enough; it is up to the caller whether it is still wanted.
    mutating func nextDue(at now: Instant) -> ChunkIndex? {
        while let turn = agenda.min, turn.at <= now {
            _ = agenda.popMin()
            guard waiting.contains(turn.chunk) else { continue }
            if let claim = claims[turn.chunk], claim.until > now {
                wait(for: turn.chunk, until: claim.until + turnDuration * turnNumber(for: turn.chunk))
                continue
            }
            waiting.remove(turn.chunk)
            claims[turn.chunk] = nil
            return turn.chunk
        }
        return nil
    }

    mutating func ripen(_ chunk: ChunkIndex) { ripe.insert(chunk) }

    // MARK: Requests and claims

    /// The chunk is asked for, or here.
    mutating func drop(_ chunk: ChunkIndex) { ripe.remove(chunk) }

    /// True if the claimant comes before this agent.
    func isBetter(_ claimant: NodeID, for chunk: ChunkIndex) -> Bool {
        turn(of: claimant, for: chunk) < Place.turn(of: node, for: chunk, salt: salt)
    }

    func turn(of claimant: NodeID, for chunk: ChunkIndex) -> UInt64 {
        Place.turn(of: Place.number(of: claimant), for: chunk, salt: salt)
    }

    /// Another node of the place is about to ask for a chunk that is wanted here. True if nobody better was known to.
    mutating func note(_ claimant: NodeID, of chunk: ChunkIndex, at now: Instant) -> Bool {
        let turn = turn(of: claimant, for: chunk)
        var displacedCount = 0
        if let claim = claims[chunk], claim.until > now {
            guard turn < claim.turn, claim.displacedCount < Crossings.displacedCountMax else { return false }
            displacedCount = claim.displacedCount + 1
        }
        ripe.remove(chunk)
        let until = now + Crossings.claimDuration
        claims[chunk] = Claim(node: claimant, turn: turn, until: until, displacedCount: displacedCount)
        if !waiting.contains(chunk) { wait(for: chunk, until: until + turnDuration * turnNumber(for: chunk)) }
        return true
    }

    /// The claimant cannot keep its claims. The chunks are no longer waited for.
    mutating func dropClaims(of claimant: NodeID) {
        for (chunk, claim) in claims where claim.node == claimant {
            claims[chunk] = nil
            waiting.remove(chunk)
        }
    }
}
