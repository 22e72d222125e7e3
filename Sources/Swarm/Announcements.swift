import Units

/// Which of a version's chunks each neighbour was told of.
///
/// The chunks stand in one list in the order of their coming, and for each neighbour it is known how far it was told.
/// It is told with whatever goes to it anyway, which costs no frame of its own; only to those that nothing goes to for
/// a while one is sent.
struct Announcements: Sendable {
    /// Those that some neighbour may not have been told of, in the order of their coming.
    private var chunks: [ChunkIndex] = []
    /// How many came before the first of `chunks`.
    private var droppedCount = 0
    /// How many of all that ever came each neighbour was told of.
    private var toldCounts: Table<NodeID, Int> = [:]
    /// So many are to be told to all by `dueAt`.
    private var dueCount = 0
    /// When the neighbours will be looked through next; nil while everybody was told everything.
    private(set) var dueAt: Instant?

    private var count: Int { droppedCount + chunks.count }

    /// A chunk is here that was not.
    mutating func add(_ chunk: ChunkIndex) { chunks.append(chunk) }

    /// The neighbour was told everything that is here.
    mutating func noteToldAll(_ node: NodeID) { toldCounts[node] = count }

    mutating func forget(_ node: NodeID) { toldCounts.removeValue(forKey: node) }

    /// What the neighbour was not told of, each chunk once and in ascending order. It counts as told.
    mutating func take(for node: NodeID) -> [ChunkIndex] {
        guard let place = toldCounts.index(forKey: node), toldCounts.values[place] < count else { return [] }
        let fresh = chunks[(toldCounts.values[place] - droppedCount)...].sorted()
        toldCounts.values[place] = count
        // A chunk that was damaged and fetched again stands there twice.
        var distinct: [ChunkIndex] = []
        distinct.reserveCapacity(fresh.count)
        for chunk in fresh where chunk != distinct.last { distinct.append(chunk) }
        return distinct
    }

    /// What is here now is to be told to all by then.
    mutating func schedule(at moment: Instant) {
        dueAt = moment
        dueCount = count
    }

    /// Time is up: those to whom nothing has gone since.
    mutating func takeLaggards() -> [NodeID] {
        dueAt = nil
        let laggards = toldCounts.keys.indices.filter { toldCounts.values[$0] < dueCount }
        return laggards.map { toldCounts.keys[$0] }
    }

    /// Forgets what everybody was told of. True if something is left.
    mutating func tidy() -> Bool {
        let least = toldCounts.values.min() ?? count
        chunks.removeFirst(least - droppedCount)
        droppedCount = least
        return !chunks.isEmpty
    }
}
