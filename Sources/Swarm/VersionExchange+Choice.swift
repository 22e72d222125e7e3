import OrderedCollections
import Units

extension VersionExchange {
    /// The chunk to ask of that neighbour next: the one that the fewest neighbours hold, ties at random. With one
    /// neighbour alone there is nothing to spread, so chunks go in order, which disks like. Beyond a slow link only
    /// what is ripe is asked for. Nil if it has nothing that may be asked for, which is then remembered.
    ///
    /// O(chunks / 64), and far less while many chunks are as rare as can be.
    mutating func choose(fromViewAt place: Int, random: inout SplitMix64) -> ChunkIndex? {
        let chunk = candidate(views.values[place], random: &random)
        if chunk == nil { views.values[place].isBarren = true }
        return chunk
    }

    private func candidate(_ view: HolderView, random: inout SplitMix64) -> ChunkIndex? {
        if !view.isInside, let ripe = crossings?.ripe {
            guard !ripe.isEmpty else { return nil }
            return rarest(rarityFloor: 0, random: &random) { view.askable(of: ripe.words[$0], word: $0) }
        }
        if views.count == 1, view.mayBeAskedForAll { return wanted.first }
        let rarityFloor = view.mayBeAskedForAll ? 0 : 1
        return rarest(rarityFloor: rarityFloor, random: &random) { view.askable(of: wanted.words[$0], word: $0) }
    }

    /// A held chunk that no neighbour holds and that is not offered; nil if there is none.
    func chooseUnheld(random: inout SplitMix64) -> ChunkIndex? {
        guard completeViewCount == 0, let direction else { return nil }
        let wordCount = held.words.count
        guard wordCount > 0 else { return nil }
        let start = Int.random(in: 0..<wordCount, using: &random)
        for step in 0..<wordCount {
            let word = (start + step) % wordCount
            let mask = unheldMask(word, direction)
            guard mask != 0 else { continue }
            return ChunkIndex(
                UInt32(
                    word * 64
                        + ChunkBits.place(ofMember: .random(in: 0..<mask.nonzeroBitCount, using: &random), in: mask)))
        }
        return nil
    }

    /// How many chunks are still to be offered for the first time, or again.
    var unheldCount: Int {
        guard completeViewCount == 0, let direction else { return 0 }
        return held.words.indices.reduce(0) { $0 + unheldMask($1, direction).nonzeroBitCount }
    }

    private func unheldMask(_ word: Int, _ direction: Direction) -> UInt64 {
        held.words[word] & ~direction.offeredBits.words[word] & ~rarity.announced(word: word)
    }

    /// Among the candidates, word by word, one of the rarest, each with the same chance. The walk begins anywhere and
    /// ends early once `enough` candidates are as rare as can be: more would not make the choice better.
    private func rarest(
        rarityFloor: Int, random: inout SplitMix64, candidates: (Int) -> UInt64
    ) -> ChunkIndex? {
        let enough = 512
        let wordCount = wanted.words.count
        guard wordCount > 0 else { return nil }
        let start = Int.random(in: 0..<wordCount, using: &random)
        var best: (mask: UInt64, word: Int, level: Int, tieCount: Int)?
        for step in 0..<wordCount {
            let word = (start + step) % wordCount
            let mask = candidates(word)
            guard mask != 0 else { continue }
            let found = rarity.rarest(of: mask, word: word)
            let count = found.mask.nonzeroBitCount
            if let old = best, old.level < found.level { continue }
            if let old = best, old.level == found.level {
                let tieCount = old.tieCount + count
                let isTaken = Int.random(in: 0..<tieCount, using: &random) < count
                best = isTaken ? (found.mask, word, found.level, tieCount) : (old.mask, old.word, old.level, tieCount)
            } else {
                best = (found.mask, word, found.level, count)
            }
            if let best, best.level <= rarityFloor, best.tieCount >= enough { break }
        }
        guard let best else { return nil }
        let member = Int.random(in: 0..<best.mask.nonzeroBitCount, using: &random)
        return ChunkIndex(UInt32(best.word * 64 + ChunkBits.place(ofMember: member, in: best.mask)))
    }
}

extension ChunkBits {
    /// The bit number of a word's n-th member, counted from 0 upward.
    static func place(ofMember member: Int, in mask: UInt64) -> Int {
        var rest = mask
        for _ in 0..<member { rest &= rest - 1 }
        return rest.trailingZeroBitCount
    }
}
