import Testing
import Units

@testable import Swarm

/// The word-wise structures against what they stand for.
@Suite struct ChunkBitsTests {
    @Test(arguments: [0, 1, 7, 8, 63, 64, 65, 1000])
    func bitmaps_areThoseOfTheWire_andComeBack(capacity: Int) {
        var random = SplitMix64(seed: 3)
        var set = ChunkSet(capacity: capacity)
        for number in 0..<capacity where Bool.random(using: &random) { set.insert(ChunkIndex(UInt32(number))) }
        let bits = ChunkBits(set)
        let bitmap = bits.bitmap(firstByte: 0, byteCount: (capacity + 7) / 8)
        #expect(bitmap == set.bitmap)
        #expect(bits.indices == set.indices)
        var back = ChunkBits.full(capacity: capacity)
        let isSound = back.replace(from: 0, with: bitmap)
        #expect(isSound)
        #expect(back == bits)
    }

    @Test func aBitBeyondTheLastChunk_isRefused() {
        var bits = ChunkBits(capacity: 12)
        let isBeyondTaken = bits.replace(from: 0, with: [0, 0x08])
        #expect(!isBeyondTaken)
        let isLastTaken = bits.replace(from: 0, with: [0, 0x10])
        #expect(isLastTaken)
        #expect(bits.indices == [11])
    }

    @Test func rarity_countsAsIfOneByOne() {
        var random = SplitMix64(seed: 4)
        var rarity = Rarity(capacity: 200)
        var counts = [Int](repeating: 0, count: 200)
        for _ in 0..<3000 {
            let number = Int.random(in: 0..<200, using: &random)
            if counts[number] > 0, Int.random(in: 0..<3, using: &random) == 0 {
                counts[number] -= 1
                rarity.remove(ChunkIndex(UInt32(number)))
            } else {
                counts[number] += 1
                rarity.add(ChunkIndex(UInt32(number)))
            }
        }
        #expect((0..<200).allSatisfy { rarity.count(ChunkIndex(UInt32($0))) == counts[$0] })
        let mask: UInt64 = 0xF0F0_1234_0000_FFFF
        let members = (0..<64).filter { mask >> UInt64($0) & 1 != 0 }
        let least = members.map { counts[64 + $0] }.min() ?? 0
        let found = rarity.rarest(of: mask, word: 1)
        #expect(found.level == least)
        #expect((0..<64).filter { found.mask >> UInt64($0) & 1 != 0 } == members.filter { counts[64 + $0] == least })
    }

    @Test func theChoice_isTheRarest_andSpreadsOverTies() {
        let plan = CoreUnderTest.plan(1000, byteCount: 1)
        var exchange = VersionExchange(plan, of: CoreUnderTest.node(0), hasPlace: false, at: .zero)
        var random = SplitMix64(seed: 5)
        let holders = (1...4).map { CoreUnderTest.node(UInt8($0)) }
        for (place, node) in holders.enumerated() {
            exchange.setView(HolderView(chunkCount: 1000, flags: []), of: node, at: .zero)
            _ = exchange.add(
                CoreUnderTest.all(1000).filter { place == 0 || Int($0.value) % (place + 1) == 0 }, to: node, at: .zero)
        }
        let rarest = Set(CoreUnderTest.all(1000).filter { chunk in (2...4).allSatisfy { Int(chunk.value) % $0 != 0 } })
        var chosen: Set<ChunkIndex> = []
        for _ in 0..<500 {
            guard let chunk = exchange.choose(fromViewAt: 0, random: &random) else { break }
            #expect(rarest.contains(chunk))
            chosen.insert(chunk)
        }
        #expect(chosen.count > rarest.count / 2)
        exchange.checkInvariants()
    }
}
