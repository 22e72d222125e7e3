import Testing
import Units

@testable import Store

@Suite struct JournalTests {
    private func journal(_ records: [JournalRecord]) -> [UInt8] {
        records.enumerated().flatMap { $1.encode(number: $0) }
    }

    private func absorb(_ bytes: [UInt8], into content: inout JournalContent) -> Bool { content.absorb(bytes) }

    @Test func recordsAddUp() {
        var content = JournalContent(chunkCount: 10)
        let bytes = journal([
            .chunk(3, byteCount: 100, from: .neighbour), .wasted(7), .chunk(9, byteCount: 50, from: .local),
            .chunk(3, byteCount: 100, from: .origin),
        ])
        #expect(absorb(bytes, into: &content))
        #expect(content.recordCount == 4)
        #expect(content.claimed.indices == [3, 9])
        #expect(content.received.neighbour == 100)
        #expect(content.received.local == 50)
        #expect(content.received.origin == 100)
        #expect(content.received.wasted == 7)
    }

    @Test(arguments: 0..<16) func aChangedByteEndsTheReadingThere(offset: Int) {
        var bytes = journal([
            .chunk(1, byteCount: 5, from: .neighbour), .chunk(2, byteCount: 5, from: .neighbour),
            .chunk(3, byteCount: 5, from: .neighbour),
        ])
        bytes[16 + offset] ^= 0x10
        var content = JournalContent(chunkCount: 10)
        #expect(!absorb(bytes, into: &content))
        #expect(content.claimed.indices == [1])
        #expect(content.recordCount == 1)
    }

    @Test(arguments: [1, 15, 17, 31]) func aTornTailIsIgnored(count: Int) {
        let bytes = journal([.chunk(1, byteCount: 5, from: .neighbour), .chunk(2, byteCount: 5, from: .neighbour)])
        var content = JournalContent(chunkCount: 10)
        #expect(!absorb(Array(bytes.prefix(count)), into: &content))
        #expect(content.recordCount == count / 16)
    }

    @Test func aRecordAtTheWrongPlaceOrOfAnUnknownChunkIsNotBelieved() {
        let bytes = journal([.chunk(1, byteCount: 5, from: .neighbour)])
        var content = JournalContent(chunkCount: 10)
        #expect(absorb(bytes, into: &content))
        #expect(!absorb(bytes, into: &content))
        var small = JournalContent(chunkCount: 1)
        #expect(!absorb(bytes, into: &small))
        #expect(small.claimed.isEmpty)
    }

    @Test func zerosAreNoRecord() {
        var content = JournalContent(chunkCount: 10)
        #expect(!absorb([UInt8](repeating: 0, count: 16), into: &content))
    }
}
