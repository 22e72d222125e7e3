import Testing
import Units

@testable import Chunking

@Suite struct CuttingVectorTests {
    @Test func gearNumbersAreThoseOfTheVectors() throws {
        #expect(Gear.numbers.map { hex($0) } == (try CuttingVectors.read().gear))
    }

    @Test func sizesAreThoseOfTheVectors() throws {
        let vectors = try CuttingVectors.read()
        for entry in vectors.sizes {
            #expect(listed(.forVersion(of: ByteCount(entry.bytes))) == entry.chunkSizes, "\(entry.bytes) bytes")
        }
        for entry in vectors.inherited {
            let parent = try #require(entry.parent)
            let own = CutSizes(smallest: parent[0], average: parent[1], largest: parent[2])
            let inherited = own?.inherited(byVersionOf: ByteCount(entry.bytes))
            #expect(
                listed(inherited ?? .forVersion(of: ByteCount(entry.bytes))) == entry.chunkSizes,
                "\(parent) for \(entry.bytes) bytes")
        }
        #expect(vectors.sizes.count > 5 && vectors.inherited.count > 5)
    }

    @Test(arguments: [1, 7, 64, 300, 1 << 20])
    func filesAreCutAsInTheVectorsWhateverPiecesTheyComeIn(pieceByteCount: Int) throws {
        let files = try CuttingVectors.read().files
        for file in files {
            let sizes = try sizes(file.chunkSizes[0], file.chunkSizes[1], file.chunkSizes[2])
            #expect(file.content.count == file.bytes, "\(file.name)")
            #expect(chunkLengths(file.content, sizes, pieceByteCount: pieceByteCount) == file.chunks, "\(file.name)")
        }
        #expect(files.count > 50)
    }

    private func listed(_ sizes: CutSizes) -> [Int] { [sizes.smallest, sizes.average, sizes.largest] }

    private func hex(_ number: UInt64) -> String {
        Hex.encode((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) })
    }
}
