import OrderedCollections
import Units

/// One version's trade: what is held and wanted here, and who among the neighbours has what.
///
/// missing (in `wanted`) → requested or verifying (in `pending`) → held (in `held`); exactly one at a time for a
/// needed chunk. `rarity` counts the views whose holdings are listed; `completeViewCount` those that hold all.
struct VersionExchange: Sendable {
    let version: Digest
    private(set) var model: ModelName
    let chunkByteCounts: [UInt32]
    /// What a chunk has on average, at least one byte.
    let meanByteCount: Int
    private(set) var held: ChunkBits
    private(set) var needed: ChunkBits
    private(set) var wanted: ChunkBits
    private(set) var pending: [ChunkIndex: ChunkTicket] = [:]
    var views: Table<NodeID, HolderView> = [:]
    private(set) var rarity: Rarity
    private(set) var completeViewCount = 0
    /// Directing neighbours of which nothing may be asked without an offer.
    private(set) var reservedViewCount = 0
    /// What may be asked for beyond this node's place; nil if its labels name none.
    var crossings: Crossings?
    /// What was asked for beyond that place, and is not here yet.
    private(set) var askedBeyond: ChunkBits
    var direction: Direction?

    var announcements = Announcements()
    /// With sources of chunks that others lost.
    var patience = Patience()
    /// After a failed write.
    var pausedUntil: Instant?
    /// Since when chunks are missing, none is on its way, and only a directing neighbour could have them.
    var starvingSince: Instant?
    /// When it may be looked at again whether a slow neighbour alone holds something.
    var slowHoldersDue = Instant(nanoseconds: .min)
    /// When it was added; neighbours that learn of it at the same time have not said yet that they want it.
    let addedAt: Instant
    /// When a chunk was first asked for.
    var firstAskedAt: Instant?
    /// Whether `.completed` was said for the present plan.
    var isCompletionKnown = false

    /// How it is being fetched, for reports; nil if nothing was missing.
    var account: FetchAccount?

    var verifiedByteCount: Int64 = 0
    var wastedByteCount: Int64 = 0
    var sentByteCount: Int64 = 0

    init(_ plan: VersionPlan, of node: NodeID, hasPlace: Bool, at now: Instant) {
        addedAt = now
        version = plan.version
        model = plan.model
        chunkByteCounts = plan.chunkByteCounts
        let sum = plan.chunkByteCounts.reduce(0) { $0 + Int($1) }
        meanByteCount = max(1, sum / max(1, plan.chunkByteCounts.count))
        held = ChunkBits(plan.held)
        needed = ChunkBits(plan.needed)
        wanted = needed.subtracting(held)
        askedBeyond = ChunkBits(capacity: plan.chunkByteCounts.count)
        rarity = Rarity(capacity: plan.chunkByteCounts.count)
        let capacity = plan.chunkByteCounts.count
        direction = plan.seeding == .directing ? Direction(capacity: capacity) : nil
        crossings = hasPlace ? Crossings(node: node, version: plan.version, capacity: capacity) : nil
    }

    var chunkCount: Int { chunkByteCounts.count }
    func byteCount(of chunk: ChunkIndex) -> Int { Int(chunkByteCounts[chunk.int]) }
    /// Everything that the plan needs is here.
    var isSatisfied: Bool { wanted.isEmpty && pending.isEmpty }
    /// How many neighbours say that they have the chunk.
    func holderCount(of chunk: ChunkIndex) -> Int { completeViewCount + rarity.count(chunk) }

    /// Takes a new plan of the same version over. Requests that are under way stay.
    /// - Precondition: the layout is the same.
    mutating func adopt(_ plan: VersionPlan, at now: Instant) {
        precondition(plan.chunkByteCounts.count == chunkCount, "another layout for \(version)")
        model = plan.model
        held = ChunkBits(plan.held)
        needed = ChunkBits(plan.needed)
        wanted = needed.subtracting(held)
        for chunk in pending.keys { wanted.remove(chunk) }
        if plan.seeding == .directing, direction == nil { direction = Direction(capacity: chunkCount) }
        if !held.isFull { direction = nil }
        isCompletionKnown = false
        noteMoreToAsk()
        lookBeyond(at: now)
    }

    // MARK: A chunk's way

    /// missing → requested
    mutating func take(_ ticket: ChunkTicket) {
        precondition(wanted.remove(ticket.chunk), "chunk \(ticket.chunk) is not missing")
        pending[ticket.chunk] = ticket
        starvingSince = nil
        guard crossings != nil else { return }
        crossings?.drop(ticket.chunk)
        if views[ticket.source]?.isInside == false { askedBeyond.insert(ticket.chunk) }
    }

    /// requested or verifying → missing. Nothing happens if another request has the chunk.
    mutating func giveBack(_ ticket: ChunkTicket, at now: Instant) {
        guard pending[ticket.chunk] == ticket else { return }
        pending[ticket.chunk] = nil
        askedBeyond.remove(ticket.chunk)
        guard needed.contains(ticket.chunk), !held.contains(ticket.chunk) else { return }
        wanted.insert(ticket.chunk)
        noteMoreToAsk()
        see(ticket.chunk, at: now)
    }

    /// verifying → held, or whatever it was → held if it came by another way. True if it is new.
    mutating func hold(_ chunk: ChunkIndex) -> Bool {
        wanted.remove(chunk)
        pending[chunk] = nil
        askedBeyond.remove(chunk)
        crossings?.drop(chunk)
        patience.forget(chunk)
        guard held.insert(chunk) else { return false }
        announcements.add(chunk)
        return true
    }

    /// held → damaged: it is neither announced nor asked for until a plan names it as not held. True if it was held.
    mutating func lose(_ chunk: ChunkIndex) -> Bool { held.remove(chunk) }

    /// Each neighbour may have something again that may be asked for.
    mutating func noteMoreToAsk() {
        for index in views.values.indices { views.values[index].isBarren = false }
    }

    // MARK: Views

    /// What the neighbour has from now on; nil for nothing at all.
    mutating func setView(_ view: HolderView?, of neighbour: NodeID, at now: Instant) {
        let wasCounted = views[neighbour]?.isCountedInside ?? false
        countInside(false, neighbour)
        if let old = views[neighbour] {
            if let listed = old.listed { rarity.remove(listed) } else { completeViewCount -= 1 }
        }
        views[neighbour] = view
        updateView(of: neighbour) {
            $0.isCountedInside = false
            $0.isBarren = false
        }
        if let view {
            if let listed = view.listed { rarity.add(listed) } else { completeViewCount += 1 }
            countInside(view.isInside, neighbour)
        }
        recountReserved()
        if wasCounted || view?.isInside == false { lookBeyond(at: now) }
    }

    /// Changes the view's flags and memory, but not what it holds.
    mutating func updateView(of neighbour: NodeID, _ change: (inout HolderView) -> Void) {
        guard let index = views.index(forKey: neighbour) else { return }
        change(&views.values[index])
    }

    /// The neighbour has these chunks now. Those of them that are news.
    mutating func add(_ chunks: [ChunkIndex], to neighbour: NodeID, at now: Instant) -> [ChunkIndex] {
        guard let index = views.index(forKey: neighbour) else { return [] }
        let news = chunks.filter { views.values[index].insert($0) }
        for chunk in news {
            rarity.add(chunk)
            if crossings != nil { place(chunk, of: index, at: now) }
            if wanted.contains(chunk) { views.values[index].isBarren = false }
        }
        return news
    }

    /// The neighbour does not have these chunks any more.
    mutating func remove(_ chunks: [ChunkIndex], from neighbour: NodeID, at now: Instant) {
        guard var view = views[neighbour] else { return }
        view.isFallback = false
        view.isCountedInside = false
        for chunk in chunks { _ = view.remove(chunk) }
        setView(view, of: neighbour, at: now)
    }

    /// Asks a directing neighbour like an ordinary one, or stops to.
    mutating func setFallback(_ isFallback: Bool, of neighbour: NodeID, at now: Instant) {
        guard let index = views.index(forKey: neighbour), views.values[index].isFallback != isFallback else { return }
        views.values[index].isFallback = isFallback
        views.values[index].isBarren = false
        recountReserved()
        if isFallback { lookBeyond(at: now) }
    }

    private mutating func recountReserved() {
        reservedViewCount = views.values.reduce(0) { $0 + ($1.isReserved ? 1 : 0) }
    }
}
