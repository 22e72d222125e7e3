import Testing
import Units

@testable import Manifest

@Suite struct LayoutTests {
    /// Files as lists of (digest, length).
    private static func layout(_ files: [[(Int, Int)]]) throws(DocumentError) -> Layout {
        var builder = LayoutBuilder()
        for file in files {
            for (digest, length) in file { builder.append(Samples.digest(digest), byteCount: length) }
            builder.endFile()
        }
        return try builder.finish()
    }

    private static let byContent = ChunkingParameters(algorithm: .content, smallest: 1, average: 9, largest: 65_536)

    private static let files = [[(1, 100), (2, 50)], [], [(2, 50), (3, 7), (2, 50)], [(1, 100)]]

    @Test func aBuiltLayout_roundTrips_andAnswersItsQueries() throws {
        let layout = try Self.layout(Self.files)
        #expect(try Layout(decoding: layout.encode()) == layout)
        #expect(layout.encode().count == layout.encodedByteCount)
        #expect(layout.chunkCount == 3)
        #expect(layout.fileCount == 4)
        #expect(layout.digest(of: 1) == Samples.digest(2))
        #expect(layout.byteCount(of: 2) == 7)
        #expect((0..<4).map { layout.byteCount(ofFile: $0) } == [150, 0, 107, 100])
        #expect(Array(layout.chunks(ofFile: 2)) == [1, 2, 1])
        #expect(layout.distinctByteCount == 157)
        #expect(layout.chunkSet(ofFiles: 2..<3).indices == [1, 2])
        #expect(layout.byteCount(of: layout.chunkSet(ofFiles: 2..<4)) == 157)
    }

    @Test func placements_nameEveryPlaceOfAChunk() throws {
        let layout = try Self.layout(Self.files)
        let table = PlacementTable(layout)
        #expect(Array(table[0]) == [Placement(file: 0, offset: 0), Placement(file: 3, offset: 0)])
        #expect(
            Array(table[1]) == [
                Placement(file: 0, offset: 100), Placement(file: 2, offset: 0), Placement(file: 2, offset: 57),
            ])
        #expect(Array(table[2]) == [Placement(file: 2, offset: 50)])
        let some = PlacementTable(layout, files: 2..<3)
        #expect(some[0].isEmpty)
        // The file's number is its place among those that were asked for.
        #expect(Array(some[1]) == [Placement(file: 0, offset: 0), Placement(file: 0, offset: 57)])
    }

    @Test func everyBeginning_isRefused_andSoIsAByteMore() throws {
        let bytes = try Self.layout(Self.files).encode()
        for count in 0..<bytes.count {
            #expect(throws: DocumentError.self, "\(count) bytes") { try Layout(decoding: Array(bytes[..<count])) }
        }
        let error = #expect(throws: DocumentError.self) { try Layout(decoding: bytes + [0]) }
        #expect(error?.code == .trailing)
    }

    @Test func aLayoutOfAnotherVersion_disagrees() throws {
        let layout = try Self.layout(Self.files)
        func manifest(_ sizes: [Int], _ chunking: ChunkingParameters = Self.byContent) throws -> Manifest {
            try Samples.manifest(
                files: sizes.enumerated().map { Samples.file("f\($0)", $1) }, chunking: chunking,
                layout: layout.reference(sha256: SHA256.hash))
        }
        try layout.check(against: manifest([150, 0, 107, 100]))
        for sizes in [[150, 0, 107], [150, 0, 107, 100, 0], [150, 0, 106, 100], [150, 0, 100, 107]] {
            let error = #expect(throws: DocumentError.self, "\(sizes)") { try layout.check(against: manifest(sizes)) }
            #expect(error?.code == .disagreement)
        }
        let small = ChunkingParameters(algorithm: .content, smallest: 1, average: 9, largest: 99)
        let error = #expect(throws: DocumentError.self) {
            try layout.check(against: manifest([150, 0, 107, 100], small))
        }
        #expect(error?.field == "chunk length")
    }

    @Test func atAFixedSize_onlyAFilesLastChunkMayBeShorter() throws {
        func check(_ file: [(Int, Int)]) throws {
            let layout = try Self.layout([file])
            let byteCount = file.reduce(0) { $0 + $1.1 }
            try layout.check(
                against: Samples.manifest(
                    files: [Samples.file("f", byteCount)], layout: layout.reference(sha256: SHA256.hash)))
        }
        try check([(1, 65_536), (2, 65_536), (3, 1)])
        try check([(1, 65_536), (1, 65_536)])
        try check([(1, 7)])
        for file in [[(1, 65_535), (2, 65_536)], [(1, 65_536), (2, 1), (3, 1)], [(1, 65_537)]] {
            let error = #expect(throws: DocumentError.self, "\(file)") { try check(file) }
            #expect(error?.field == "chunk length")
        }
    }

    @Test func otherBytesThanThoseThatTheManifestNames_areNotParsed() throws {
        let layout = try Self.layout(Self.files)
        let manifest = try Samples.manifest(
            files: [150, 0, 107, 100].enumerated().map { Samples.file("f\($0)", $1) }, chunking: Self.byContent,
            layout: layout.reference(sha256: SHA256.hash))
        #expect(try Layout(layout.encode(), of: manifest, sha256: SHA256.hash) == layout)
        var other = layout.encode()
        other[10] ^= 1
        let error = #expect(throws: DocumentError.self) { try Layout(other, of: manifest, sha256: SHA256.hash) }
        #expect(error?.field == "digest")
    }

    @Test(.timeLimit(.minutes(1)))
    func aLargeLayout_isReadInReasonableTime() throws {
        let count = 30_000
        var builder = LayoutBuilder()
        for number in 0..<count { builder.append(Samples.digest(number &* 0x9E37_79B9), byteCount: 4_194_304) }
        builder.endFile()
        let layout = try builder.finish()
        let decoded = try Layout(decoding: layout.encode())
        #expect(decoded == layout)
        #expect(decoded.byteCount(ofFile: 0) == ByteCount(count << 22))
    }

    @Test(arguments: [0x5EED_0001, 0x5EED_0002] as [UInt64])
    func aChangedLayout_neverTraps_andWhatIsAcceptedIsCanonical(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let original = try Self.layout(Self.files).encode()
        var acceptedCount = 0
        for _ in 0..<4_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...4, using: &random)
            }
            guard let layout = try? Layout(decoding: bytes) else { continue }
            acceptedCount += 1
            #expect(layout.encode() == bytes)
            #expect(PlacementTable(layout)[0].isEmpty == false)
        }
        #expect(acceptedCount > 100)
    }
}
