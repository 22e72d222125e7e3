import Units

/// How many neighbours announce each chunk, as a counter of a few bits per chunk that is stored by bit: plane k holds
/// bit k of all counters, and the planes of one word lie side by side. So the rarest of 64 chunks are found in a
/// handful of word operations, and a whole version of 262,144 chunks in some ten microseconds.
struct Rarity: Sendable {
    /// Plane k of word w is at w * planeCount + k.
    private var bits: [UInt64] = []
    private var planeCount = 0
    private let wordCount: Int

    init(capacity: Int) { wordCount = (capacity + 63) / 64 }

    /// Counts one more for each member of `mask` in that word.
    mutating func add(_ mask: UInt64, word: Int) {
        var carry = mask
        for place in places(of: word) {
            if carry == 0 { return }
            let old = bits[place]
            bits[place] = old ^ carry
            carry &= old
        }
        guard carry != 0 else { return }
        addPlane()
        bits[(word + 1) * planeCount - 1] = carry
    }

    private mutating func addPlane() {
        var wider = Array(repeating: UInt64(0), count: wordCount * (planeCount + 1))
        for word in 0..<wordCount {
            for plane in 0..<planeCount { wider[word * (planeCount + 1) + plane] = bits[word * planeCount + plane] }
        }
        bits = wider
        planeCount += 1
    }

    private func places(of word: Int) -> Range<Int> { word * planeCount..<(word + 1) * planeCount }

    /// Counts one less for each member of `mask` in that word.
    /// - Precondition: each of them was counted.
    mutating func remove(_ mask: UInt64, word: Int) {
        var borrow = mask
        for place in places(of: word) {
            if borrow == 0 { return }
            let old = bits[place]
            bits[place] = old ^ borrow
            borrow &= ~old
        }
        precondition(borrow == 0, "a holder is taken away that was not counted")
    }

    mutating func add(_ chunk: ChunkIndex) { add(1 << UInt64(chunk.int % 64), word: chunk.int / 64) }
    mutating func remove(_ chunk: ChunkIndex) { remove(1 << UInt64(chunk.int % 64), word: chunk.int / 64) }

    mutating func add(_ chunks: ChunkBits) {
        for word in chunks.words.indices where chunks.words[word] != 0 { add(chunks.words[word], word: word) }
    }

    mutating func remove(_ chunks: ChunkBits) {
        for word in chunks.words.indices where chunks.words[word] != 0 { remove(chunks.words[word], word: word) }
    }

    /// How many announce the chunk.
    func count(_ chunk: ChunkIndex) -> Int {
        var sum = 0
        for (plane, place) in places(of: chunk.int / 64).enumerated() {
            sum |= Int(bits[place] >> UInt64(chunk.int % 64) & 1) << plane
        }
        return sum
    }

    /// Of the members of `mask` in that word those that the fewest announce, and how many these are.
    /// - Precondition: `mask` is not zero.
    func rarest(of mask: UInt64, word: Int) -> (mask: UInt64, level: Int) {
        var rest = mask
        var level = 0
        var plane = planeCount
        while plane > 0 {
            plane -= 1
            let low = rest & ~bits[word * planeCount + plane]
            if low != 0 { rest = low } else { level |= 1 << plane }
        }
        return (rest, level)
    }

    /// Members of that word that somebody announces.
    func announced(word: Int) -> UInt64 {
        var announced: UInt64 = 0
        for place in places(of: word) { announced |= bits[place] }
        return announced
    }
}
