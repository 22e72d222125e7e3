import Testing
import Units

@testable import Chunking

@Suite struct CutSizesTests {
    @Test func sizesOutsideTheBoundsAreNone() {
        #expect(CutSizes(smallest: 64, average: 64, largest: 64) != nil)
        #expect(CutSizes(smallest: 63, average: 64, largest: 64) == nil)
        #expect(CutSizes(smallest: 65, average: 64, largest: 64) == nil)
        #expect(CutSizes(smallest: 64, average: 65, largest: 64) == nil)
        #expect(CutSizes(smallest: 64, average: 64, largest: 4_194_305) == nil)
    }

    @Test func oneDistinctChunkTooManyIsRefusedByName() throws {
        try ChunkingError.requireDistinctChunkCount(9, atMost: 9)
        let error = #expect(throws: ChunkingError.self) { try ChunkingError.requireDistinctChunkCount(10, atMost: 9) }
        #expect(error?.description.contains("more than 9 distinct chunks") == true)
    }
}
