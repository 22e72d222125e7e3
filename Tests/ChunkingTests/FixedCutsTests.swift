import Chunking
import Testing
import Units

@Suite struct FixedCutsTests {
    @Test(
        arguments: [
            (0, 16_384), (1, 16_384), (1_600 << 14, 16_384), ((1_600 << 14) + 1, 32_768), (1_600 << 20, 1 << 20),
            ((1_600 << 20) - 1, 1 << 20), (1_600 << 22, 4 << 20), ((1_600 << 22) + 1, 4 << 20), (1 << 40, 4 << 20),
        ] as [(Int64, Int64)])
    func sizeIsTheNextPowerOfTwoWithinItsBounds(version: Int64, chunk: Int64) {
        #expect(ChunkSize.forVersion(of: ByteCount(version)).value == chunk)
    }

    @Test func emptyFileHasNoCut() {
        #expect(FixedCuts(fileByteCount: 0, chunkByteCount: 65_536).isEmpty)
    }

    @Test(
        arguments: [
            1, 65_535, 65_536, 65_537, 131_072, 1_000_000, 2 << 30, (2 << 30) + 1, (4 << 30) - 1, (4 << 30) + 1,
        ] as [Int64])
    func cutsCoverTheFileWithoutGapOrOverlap(length: Int64) {
        let cuts = FixedCuts(fileByteCount: ByteCount(length), chunkByteCount: 65_536)
        var next: Int64 = 0
        var allInBounds = true
        for cut in cuts {
            allInBounds = allInBounds && cut.offset.value == next && (1...65_536).contains(cut.byteCount.value)
            next += cut.byteCount.value
        }
        #expect(allInBounds)
        #expect(next == length)
        #expect(cuts.dropLast().allSatisfy { $0.byteCount.value == 65_536 })
    }

    @Test func oneDistinctChunkTooManyIsRefusedByName() throws {
        try FixedCuts.requireDistinctChunkCount(262_144)
        let error = #expect(throws: ChunkingError.self) { try FixedCuts.requireDistinctChunkCount(262_145) }
        #expect(error?.description.contains("more than 262144 distinct chunks") == true)
    }
}
