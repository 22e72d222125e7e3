import OrderedCollections
import Units

/// What lies beyond the node's place.
extension VersionExchange {
    /// The neighbour counts as a source inside, or does so no more. Nothing happens to one beyond.
    mutating func countInside(_ isCounted: Bool, _ neighbour: NodeID) {
        guard crossings != nil, let index = views.index(forKey: neighbour), views.values[index].isInside,
            views.values[index].isCountedInside != isCounted
        else { return }
        views.values[index].isCountedInside = isCounted
        if isCounted {
            crossings?.addInside(views.values[index].listed)
        } else {
            crossings?.removeInside(views.values[index].listed)
        }
    }

    /// The neighbour at that place announced the chunk.
    mutating func place(_ chunk: ChunkIndex, of index: Int, at now: Instant) {
        if views.values[index].isCountedInside {
            crossings?.addInside(chunk)
        } else if !views.values[index].isInside, wanted.contains(chunk), crossings?.isInside(chunk) == false {
            schedule(chunk, at: now)
        }
    }

    /// The chunk is missing again: if it lies only beyond, its turn is waited for.
    mutating func see(_ chunk: ChunkIndex, at now: Instant) {
        guard crossings?.isInside(chunk) == false, isSeenBeyond(chunk) else { return }
        schedule(chunk, at: now)
    }

    /// Looks through all that neighbours beyond have, after something changed for many chunks.
    mutating func lookBeyond(at now: Instant) {
        guard crossings != nil, !wanted.isEmpty else { return }
        for word in wanted.words.indices where wanted.words[word] != 0 {
            var seen: UInt64 = 0
            for index in views.values.indices where !views.values[index].isInside {
                seen |= views.values[index].askable(of: wanted.words[word], word: word)
            }
            guard seen != 0, var rest = crossings?.unsettled(seen, word: word) else { continue }
            while rest != 0 {
                schedule(ChunkIndex(UInt32(word * 64 + rest.trailingZeroBitCount)), at: now)
                rest &= rest - 1
            }
        }
    }

    private mutating func schedule(_ chunk: ChunkIndex, at now: Instant) {
        if crossings?.schedule(chunk, at: now) == true { noteRipe() }
    }

    /// Makes ripe whatever has waited long enough. True if something may be asked for now.
    mutating func passTurns(at now: Instant) -> Bool {
        var isMore = false
        while let chunk = crossings?.nextDue(at: now) {
            guard wanted.contains(chunk), crossings?.isInside(chunk) == false, isSeenBeyond(chunk) else { continue }
            crossings?.ripen(chunk)
            isMore = true
        }
        if isMore { noteRipe() }
        return isMore
    }

    private mutating func noteRipe() {
        for index in views.values.indices where !views.values[index].isInside { views.values[index].isBarren = false }
    }

    private func isSeenBeyond(_ chunk: ChunkIndex) -> Bool {
        for index in views.values.indices
        where !views.values[index].isInside && views.values[index].mayBeAsked(for: chunk) { return true }
        return false
    }
}
