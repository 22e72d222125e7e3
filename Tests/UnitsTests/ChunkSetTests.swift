import Testing
import Units

@Suite struct ChunkSetTests {
    @Test(arguments: [0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 1_000])
    func full_empty_andBitmaps_agree(capacity: Int) {
        let full = ChunkSet.full(capacity: capacity)
        let empty = ChunkSet(capacity: capacity)
        #expect(full.isFull && full.count == capacity)
        #expect(empty.isEmpty && empty.count == 0)
        #expect(empty.isFull == (capacity == 0))
        #expect(full.missing.isEmpty)
        #expect(empty.missing == full.indices)
        #expect(ChunkSet(bitmap: full.bitmap, capacity: capacity) == full)
        #expect(ChunkSet(bitmap: empty.bitmap, capacity: capacity) == empty)
        #expect(full.bitmap.count == (capacity + 7) / 8)
        #expect(!full.contains(ChunkIndex(UInt32(capacity))))
        #expect(!full.contains(ChunkIndex(.max)))
    }

    @Test(arguments: [1, 64, 65, 500])
    func anyChanges_giveWhatASetGives(capacity: Int) {
        var random = SplitMix64(seed: UInt64(capacity))
        var set = ChunkSet(capacity: capacity)
        var model: Set<ChunkIndex> = []
        for _ in 0..<2_000 {
            let index = ChunkIndex(UInt32.random(in: 0..<UInt32(capacity), using: &random))
            if Bool.random(using: &random) {
                #expect(set.insert(index) == model.insert(index).inserted)
            } else {
                #expect(set.remove(index) == (model.remove(index) != nil))
            }
            #expect(set.count == model.count)
        }
        #expect(set.indices == model.sorted())
        #expect(set.missing.count == capacity - model.count)
        #expect(ChunkSet(bitmap: set.bitmap, capacity: capacity) == set)
    }

    @Test func bits_goFromTheHighest() {
        var set = ChunkSet(capacity: 13)
        for index in [0, 2, 12] as [ChunkIndex] { set.insert(index) }
        #expect(set.bitmap == [0xA0, 0x08])
    }

    @Test func aBitmapOfAnotherLength_orWithABitBeyond_isNil() {
        #expect(ChunkSet(bitmap: [0xFF], capacity: 9) == nil)
        #expect(ChunkSet(bitmap: [0xFF, 0x80, 0], capacity: 9) == nil)
        #expect(ChunkSet(bitmap: [0xFF, 0x40], capacity: 9) == nil)
        #expect(ChunkSet(bitmap: [0xFF, 0x80], capacity: 9)?.isFull == true)
        #expect(ChunkSet(bitmap: [] as [UInt8], capacity: -1) == nil)
        #expect(ChunkSet(bitmap: [] as [UInt8], capacity: Limits.chunkCountMax + 1) == nil)
    }

    @Test func anIndexBeyondTheCapacity_isNotInserted_butTraps() async {
        await #expect(processExitsWith: .failure) {
            var set = ChunkSet(capacity: 8)
            set.insert(8)
        }
    }
}
