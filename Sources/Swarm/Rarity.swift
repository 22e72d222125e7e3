import Units

/// How many neighbours announce each chunk, as a counter of a few bits per chunk that is stored by bit: plane k holds
/// bit k of all counters. So the rarest of 64 chunks are found in a handful of word operations, and a whole version of
/// 262,144 chunks in some ten microseconds.
struct Rarity: Sendable {
    private(set) var planes: [[UInt64]] = []
    private let wordCount: Int

    init(capacity: Int) { wordCount = (capacity + 63) / 64 }

    /// Counts one more for each member of `mask` in that word.
    mutating func add(_ mask: UInt64, word: Int) {
        var carry = mask
        for plane in planes.indices {
            if carry == 0 { return }
            let bits = planes[plane][word]
            planes[plane][word] = bits ^ carry
            carry &= bits
        }
        guard carry != 0 else { return }
        planes.append(Array(repeating: 0, count: wordCount))
        planes[planes.count - 1][word] = carry
    }

    /// Counts one less for each member of `mask` in that word.
    /// - Precondition: each of them was counted.
    mutating func remove(_ mask: UInt64, word: Int) {
        var borrow = mask
        for plane in planes.indices {
            if borrow == 0 { return }
            let bits = planes[plane][word]
            planes[plane][word] = bits ^ borrow
            borrow &= ~bits
        }
        precondition(borrow == 0, "a holder is taken away that was not counted")
    }

    mutating func add(_ chunk: ChunkIndex) { add(1 << UInt64(chunk.int % 64), word: chunk.int / 64) }
    mutating func remove(_ chunk: ChunkIndex) { remove(1 << UInt64(chunk.int % 64), word: chunk.int / 64) }

    mutating func add(_ bits: ChunkBits) {
        for (word, mask) in bits.words.enumerated() where mask != 0 { add(mask, word: word) }
    }

    mutating func remove(_ bits: ChunkBits) {
        for (word, mask) in bits.words.enumerated() where mask != 0 { remove(mask, word: word) }
    }

    /// How many announce the chunk.
    func count(_ chunk: ChunkIndex) -> Int {
        var sum = 0
        for (plane, words) in planes.enumerated() where words[chunk.int / 64] >> UInt64(chunk.int % 64) & 1 != 0 {
            sum |= 1 << plane
        }
        return sum
    }

    /// Of the members of `mask` in that word those that the fewest announce, and how many these are.
    /// - Precondition: `mask` is not zero.
    func rarest(of mask: UInt64, word: Int) -> (mask: UInt64, level: Int) {
        var rest = mask
        var level = 0
        for plane in planes.indices.reversed() {
            let low = rest & ~planes[plane][word]
            if low != 0 { rest = low } else { level |= 1 << plane }
        }
        return (rest, level)
    }

    /// Members of that word that nobody announces.
    func unannounced(word: Int) -> UInt64 {
        var announced: UInt64 = 0
        for plane in planes { announced |= plane[word] }
        return ~announced
    }
}
