import Units

/// How long a source is given for a chunk: twice as long for each source that lost it before.
///
/// Without it a chunk that no source can bring in the usual time is taken from one and given to the next for ever; what
/// came late of the one then fills the downlink on which the next is waited for.
struct Patience: Sendable {
    private var losses: [ChunkIndex: Int] = [:]

    mutating func noteLoss(of chunk: ChunkIndex) { losses[chunk, default: 0] += 1 }

    mutating func forget(_ chunk: ChunkIndex) { losses[chunk] = nil }

    /// By how much the usual time is to be multiplied.
    func factor(for chunk: ChunkIndex) -> Int64 {
        1 << Int64(min(losses[chunk] ?? 0, Limits.patienceDoublingCountMax))
    }
}
