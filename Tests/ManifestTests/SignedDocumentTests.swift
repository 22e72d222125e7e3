import Testing
import Units

@testable import Manifest

@Suite struct SignedDocumentTests {
    private static let keys = TestKey.all

    private static func signature(_ number: Int, _ bytes: [UInt8] = [0x30, 6, 2, 1, 1, 2, 1, 1]) -> DocumentSignature {
        DocumentSignature(keyID: Samples.digest(number), bytes: bytes)
    }

    @Test func signaturesInAnyOrder_areSorted_andTheEnvelopeRoundTrips() throws {
        for count in [1, 16] {
            let document = try SignedDocument(
                kind: .deny, body: [1, 2, 3], signatures: (0..<count).reversed().map { Self.signature($0) })
            #expect(document.signatures.map(\.keyID) == (0..<count).map { Samples.digest($0) })
            #expect(try SignedDocument(decoding: document.encode()) == document)
            #expect(document.encode().count == document.encodedByteCount)
        }
    }

    @Test func everyBeginningOfAnEnvelope_isRefused() throws {
        let bytes = try SignedDocument(kind: .head, body: [9], signatures: [Self.signature(1), Self.signature(2)])
            .encode()
        for count in 0..<bytes.count {
            #expect(throws: DocumentError.self, "\(count) bytes") {
                try SignedDocument(decoding: Array(bytes[..<count]))
            }
        }
    }

    @Test func theLargestEnvelope_isTaken_andALargerOneIsNot() throws {
        for kind in DocumentKind.allCases {
            let room = kind.byteCountMax - 9 - 1 - 33 - 8
            let largest = try SignedDocument(
                kind: kind, body: Array(repeating: 0, count: room), signatures: [Self.signature(1)])
            #expect(largest.encode().count == kind.byteCountMax)
            #expect(try SignedDocument(decoding: largest.encode()) == largest)
            let error = #expect(throws: DocumentError.self) {
                try SignedDocument(
                    kind: kind, body: Array(repeating: 0, count: room + 1), signatures: [Self.signature(1)])
            }
            #expect(error?.code == .outOfRange)
        }
    }

    @Test func merging_takesTheUnion_keepsItsOwn_andStopsAtTheBound() throws {
        func document(_ signatures: [DocumentSignature]) throws -> SignedDocument {
            try SignedDocument(kind: .head, body: [7], signatures: signatures)
        }
        let other: [UInt8] = [0x30, 6, 2, 1, 2, 2, 1, 2]
        let merged = try document([Self.signature(1), Self.signature(3)])
            .merging(document([Self.signature(1, other), Self.signature(2, other)]))
        #expect(merged.signatures == [Self.signature(1), Self.signature(2, other), Self.signature(3)])
        let full = try document((0..<16).map { Self.signature($0) })
        #expect(try full.merging(document([Self.signature(99)])) == full)
        // Of too many, the lowest key ids are kept, whichever came first.
        let later = try document((1...16).map { Self.signature($0) })
        #expect(try later.merging(document([Self.signature(0)])) == full)
        #expect(try document([Self.signature(0)]).merging(later) == full)
    }

    @Test(
        arguments: [
            [0x30, 6, 2, 1, 0, 2, 1, 1],  // zero
            [0x30, 6, 2, 1, 0x80, 2, 1, 1],  // negative
            [0x30, 7, 2, 2, 0, 1, 2, 1, 1],  // a zero too many
            [0x30, 6, 2, 1, 1, 3, 1, 1],  // no INTEGER
            [0x31, 6, 2, 1, 1, 2, 1, 1],  // no SEQUENCE
            [0x30, 5, 2, 1, 1, 2, 1, 1],  // the length of less
            [0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1],  // three
            [0x30, 6, 2, 4, 1, 2, 1, 1],  // beyond the end
            [0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],  // the long form of a length
            [0x30, 8, 2, 0, 2, 1, 1, 2, 1, 1],  // an empty INTEGER
        ] as [[UInt8]])
    func aSignatureThatIsNotMinimalDER_isRefused(bytes: [UInt8]) {
        #expect(throws: DocumentError.self) {
            try SignedDocument(kind: .head, body: [7], signatures: [Self.signature(1, bytes)])
        }
    }

    @Test func integersOf256Bits_areTaken_andLongerOnesAreNot() {
        func der(_ r: [UInt8], _ s: [UInt8]) -> [UInt8] {
            let content = [2, UInt8(r.count)] + r + [2, UInt8(s.count)] + s
            return [0x30, UInt8(content.count)] + content
        }
        let small = [UInt8](repeating: 0x7F, count: 32)
        let large = [0] + [UInt8](repeating: 0xFF, count: 32)
        #expect(MinimalDER.isSignature(der(small, large)))
        #expect(MinimalDER.isSignature(der(large, large)))
        #expect(!MinimalDER.isSignature(der([1] + small, small)))
        #expect(!MinimalDER.isSignature(der([0] + small, small)))
    }

    @Test func noSignature_orOneKeyTwice_isRefused() {
        #expect(throws: DocumentError.self) { try SignedDocument(kind: .head, body: [], signatures: []) }
        #expect(throws: DocumentError.self) {
            try SignedDocument(kind: .head, body: [], signatures: [Self.signature(1), Self.signature(1)])
        }
        #expect(throws: DocumentError.self) {
            try SignedDocument(kind: .head, body: [], signatures: (0..<17).map { Self.signature($0) })
        }
    }

    @Test(arguments: [0x5EED_0001, 0x5EED_0002] as [UInt64])
    func changedDocuments_neverTrap_andWhatIsAcceptedIsCanonical(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        // Roots cost arithmetic; a few are enough.
        let entries = Vectors.documents["documents"].list.map {
            (kind: $0["kind"].text, body: $0["body"].bytes, bytes: $0["bytes"].bytes)
        }
        var (acceptedCount, envelopeCount) = (0, 0)
        for round in 0..<3_000 {
            let entry = entries[Int.random(in: (round % 20 == 0 ? 0 : 2)..<entries.count, using: &random)]
            var (body, bytes) = (entry.body, entry.bytes)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let value = Self.parse(body, kind: entry.kind) {
                acceptedCount += 1
                #expect(value.encode() == body)
            }
            if let document = try? SignedDocument(decoding: bytes) {
                envelopeCount += 1
                #expect(document.encode() == bytes)
            }
        }
        #expect(acceptedCount > 100)
        #expect(envelopeCount > 100)
    }

    @Test func everyBeginningOfABody_isRefused() {
        for entry in Vectors.documents["documents"].list {
            let body = entry["body"].bytes
            for count in body.count < 700 ? Array(0..<body.count) : Array(stride(from: 0, to: body.count, by: 61)) {
                #expect(
                    Self.parse(Array(body[..<count]), kind: entry["kind"].text) == nil, "\(entry["name"].text) \(count)"
                )
            }
            #expect(Self.parse(body + [0], kind: entry["kind"].text) == nil)
        }
    }

    private static func parse(_ body: [UInt8], kind: String) -> (any DocumentBody)? {
        switch kind {
        case "root": try? Root(body: body, sha256: SHA256.hash)
        case "manifest": try? Manifest(body: body)
        case "head": try? Head(body: body)
        default: try? DenyRecord(body: body)
        }
    }
}
