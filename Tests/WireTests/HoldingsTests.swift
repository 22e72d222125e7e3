import Testing
import Units

@testable import Wire

@Suite struct HoldingsTests {
    private let version = Samples.digest(3)

    @Test(arguments: [1, 7, 8, 9, 131_071, 131_072, 131_073, 300_000])
    func parts_tellEveryChunk_andOnlyTheLastEndsTheMessage(capacity: Int) {
        var set = ChunkSet(capacity: capacity)
        var random = SplitMix64(seed: UInt64(capacity))
        for _ in 0..<min(capacity, 500) {
            set.insert(ChunkIndex(UInt32.random(in: 0..<UInt32(capacity), using: &random)))
        }
        if set.isFull { set.remove(0) }
        let parts = Holdings.parts(version: version, announced: set, flags: [.wants])
        #expect(parts.flatMap(\.chunks) == set.indices)
        #expect(parts.map(\.isLastPart) == Array(repeating: false, count: parts.count - 1) + [true])
        #expect(parts.first?.firstChunk == 0)
        #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.endChunk == $1.firstChunk })
        #expect(parts.allSatisfy { $0.problem == nil && $0.flags == .wants })
    }

    @Test func aFullSet_isComplete_andAnEmptyOneIsNot() {
        let full = Holdings.parts(version: version, announced: .full(capacity: 12))
        #expect(full == [Holdings(version: version, flags: .complete, chunkCount: 12)])
        let empty = Holdings.parts(version: version, announced: ChunkSet(capacity: 12), flags: [.directing])
        #expect(empty == [Holdings(version: version, flags: .directing, chunkCount: 12)])
    }

    @Test func aBrokenRule_isNamed() {
        func problem(_ flags: UInt8, _ count: UInt32, _ first: UInt32, _ bitmap: [UInt8]) -> String? {
            Holdings(
                unchecked: version, flags: Holdings.Flags(rawValue: flags), chunkCount: count, firstChunk: first,
                bitmap: bitmap
            ).problem
        }
        #expect(problem(8, 8, 0, [1]) == "flags")
        #expect(problem(0, 1_048_577, 0, []) == "chunks of the version")
        #expect(problem(0, 100, 4, [1]) == "first chunk")
        #expect(problem(0, 16, 16, []) == "first chunk")
        #expect(problem(0, 16, 24, []) == "first chunk")
        #expect(problem(0, 16, 8, []) == "bitmap")
        #expect(problem(0, 16, 8, [0, 0]) == "bitmap")
        #expect(problem(0, 9, 0, [0, 0x40]) == "bitmap")
        #expect(problem(2, 8, 0, [0xFF]) == "bitmap")
        #expect(problem(0, 9, 0, [0, 0x80]) == nil)
        #expect(problem(0, 100, 8, [0x01]) == nil)
    }
}
