import OrderedCollections
import Units

/// One version's trade: what is held and wanted here, and who among the neighbours has what.
///
/// missing (in `wanted`) → requested or verifying (in `pending`) → held (in `held`); exactly one at a time for a
/// needed chunk. `rarity` counts the views whose holdings are listed; `completeViewCount` those that hold all. A view's
/// `usefulCount` is the number of wanted chunks that it may be asked for.
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
    private(set) var views: OrderedDictionary<NodeID, HolderView> = [:]
    private(set) var rarity: Rarity
    private(set) var completeViewCount = 0
    var direction: Direction?

    /// Verified chunks that no neighbour was told of yet, and when it will be.
    var unannounced: [ChunkIndex] = []
    var announceAt: Instant?
    /// After a failed write.
    var pausedUntil: Instant?
    /// Since when chunks are missing, none is on its way, and only a directing neighbour could have them.
    var starvingSince: Instant?
    /// Whether `.completed` was said for the present plan.
    var isCompletionKnown = false

    /// How it is being fetched, for reports; nil if nothing was missing.
    var account: FetchAccount?

    var verifiedByteCount: Int64 = 0
    var wastedByteCount: Int64 = 0
    var sentByteCount: Int64 = 0

    init(_ plan: VersionPlan) {
        version = plan.version
        model = plan.model
        chunkByteCounts = plan.chunkByteCounts
        let sum = plan.chunkByteCounts.reduce(0) { $0 + Int($1) }
        meanByteCount = max(1, sum / max(1, plan.chunkByteCounts.count))
        held = ChunkBits(plan.held)
        needed = ChunkBits(plan.needed)
        wanted = needed.subtracting(held)
        rarity = Rarity(capacity: plan.chunkByteCounts.count)
        direction = plan.seeding == .directing ? Direction(capacity: plan.chunkByteCounts.count) : nil
    }

    var chunkCount: Int { chunkByteCounts.count }
    func byteCount(of chunk: ChunkIndex) -> Int { Int(chunkByteCounts[chunk.int]) }
    /// Everything that the plan needs is here.
    var isSatisfied: Bool { wanted.isEmpty && pending.isEmpty }
    /// How many neighbours say that they have the chunk.
    func holderCount(of chunk: ChunkIndex) -> Int { completeViewCount + rarity.count(chunk) }

    /// Takes a new plan of the same version over. Requests that are under way stay.
    /// - Precondition: the layout is the same.
    mutating func adopt(_ plan: VersionPlan) {
        precondition(plan.chunkByteCounts.count == chunkCount, "another layout for \(version)")
        model = plan.model
        held = ChunkBits(plan.held)
        needed = ChunkBits(plan.needed)
        wanted = needed.subtracting(held)
        for chunk in pending.keys { wanted.remove(chunk) }
        if plan.seeding == .directing, direction == nil { direction = Direction(capacity: chunkCount) }
        if !held.isFull { direction = nil }
        isCompletionKnown = false
        recountUseful()
    }

    // MARK: A chunk's way

    /// missing → requested
    mutating func take(_ ticket: ChunkTicket) {
        precondition(wanted.remove(ticket.chunk), "chunk \(ticket.chunk) is not missing")
        pending[ticket.chunk] = ticket
        addUseful(-1, chunk: ticket.chunk)
        starvingSince = nil
    }

    /// requested or verifying → missing. Nothing happens if another request has the chunk.
    mutating func giveBack(_ ticket: ChunkTicket) {
        guard pending[ticket.chunk] == ticket else { return }
        pending[ticket.chunk] = nil
        guard needed.contains(ticket.chunk), !held.contains(ticket.chunk) else { return }
        wanted.insert(ticket.chunk)
        addUseful(1, chunk: ticket.chunk)
    }

    /// verifying → held, or whatever it was → held if it came by another way. True if it is new.
    mutating func hold(_ chunk: ChunkIndex) -> Bool {
        if wanted.remove(chunk) { addUseful(-1, chunk: chunk) }
        pending[chunk] = nil
        guard held.insert(chunk) else { return false }
        unannounced.append(chunk)
        return true
    }

    /// held → damaged: it is neither announced nor asked for until a plan names it as not held. True if it was held.
    mutating func lose(_ chunk: ChunkIndex) -> Bool {
        unannounced.removeAll { $0 == chunk }
        return held.remove(chunk)
    }

    private mutating func addUseful(_ change: Int, chunk: ChunkIndex) {
        for index in views.values.indices where views.values[index].mayBeAsked(for: chunk) {
            views.values[index].usefulCount += change
        }
    }

    // MARK: Views

    /// What the neighbour has from now on; nil for nothing at all.
    mutating func setView(_ view: HolderView?, of neighbour: NodeID) {
        if let old = views[neighbour] { discount(old) }
        views[neighbour] = view
        guard let view else { return }
        switch view.holdings {
        case .all: completeViewCount += 1
        case .some(let bits): rarity.add(bits)
        }
        recountUseful(of: neighbour)
    }

    /// Changes the view's flags and memory, but not what it holds.
    mutating func updateView(of neighbour: NodeID, _ change: (inout HolderView) -> Void) {
        guard views[neighbour] != nil else { return }
        change(&views[neighbour, default: HolderView(chunkCount: 0, flags: [])])
    }

    /// The neighbour has these chunks now. True if some are wanted.
    mutating func add(_ chunks: [ChunkIndex], to neighbour: NodeID) -> Bool {
        guard let index = views.index(forKey: neighbour) else { return false }
        let usefulCount = views.values[index].usefulCount
        for chunk in chunks where views.values[index].insert(chunk) {
            rarity.add(chunk)
            if wanted.contains(chunk), !views.values[index].isFallback { views.values[index].usefulCount += 1 }
        }
        return views.values[index].usefulCount > usefulCount
    }

    /// The neighbour does not have these chunks any more.
    mutating func remove(_ chunks: [ChunkIndex], from neighbour: NodeID) {
        guard var view = views[neighbour] else { return }
        discount(view)
        view.isFallback = false
        for chunk in chunks { _ = view.remove(chunk) }
        views[neighbour] = HolderView(chunkCount: 0, flags: [])  // so that the bits have one owner
        if case .some(let bits) = view.holdings { rarity.add(bits) } else { completeViewCount += 1 }
        views[neighbour] = view
        recountUseful(of: neighbour)
    }

    /// Asks a directing neighbour like an ordinary one, or stops to.
    mutating func setFallback(_ isFallback: Bool, of neighbour: NodeID) {
        guard let index = views.index(forKey: neighbour), views.values[index].isFallback != isFallback else { return }
        views.values[index].isFallback = isFallback
        recountUseful(of: neighbour)
    }

    private mutating func discount(_ view: HolderView) {
        switch view.holdings {
        case .all: completeViewCount -= 1
        case .some(let bits): rarity.remove(bits)
        }
    }

    private mutating func recountUseful() { for neighbour in views.keys { recountUseful(of: neighbour) } }

    private mutating func recountUseful(of neighbour: NodeID) {
        guard let index = views.index(forKey: neighbour) else { return }
        let view = views.values[index]
        if case .some(let bits) = view.holdings, !view.isFallback {
            views.values[index].usefulCount = bits.intersectionCount(wanted)
        } else {
            views.values[index].usefulCount = wanted.count
        }
    }
}
