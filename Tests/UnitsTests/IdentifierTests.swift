import Testing
import Units

@Suite struct IdentifierTests {
    @Test func bytesAndHex_roundTrip() {
        let bytes = (0..<32).map { UInt8($0 * 7 % 256) }
        let digest = Digest(exactly: bytes)
        #expect(digest.bytes == bytes)
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(bytes[...]) == digest)
        #expect(digest.description == Hex.encode(bytes))
        #expect(digest.short == "00070e15")
        #expect(NodeID(bytes[..<16])?.bytes == Array(bytes[..<16]))
        #expect(ClusterID(bytes[16...])?.bytes == Array(bytes[16...]))
    }

    @Test func anotherLength_isNil() {
        for count in [0, 15, 17, 31, 33] {
            let bytes = [UInt8](repeating: 1, count: count)
            #expect(Digest(bytes) == nil)
            #expect(NodeID(bytes) == nil)
            #expect(ClusterID(hex: Hex.encode(bytes)) == nil)
        }
        #expect(Digest(hex: String(repeating: "zz", count: 32)) == nil)
    }

    @Test func theOrder_isThatOfTheBytes() {
        var random = SplitMix64(seed: 1)
        for _ in 0..<500 {
            // Mostly equal bytes, so that every position decides now and then.
            let left = (0..<32).map { _ in UInt8.random(in: 0...20, using: &random) == 0 ? 0xFF : 0x7F as UInt8 }
            let right = (0..<32).map { _ in UInt8.random(in: 0...20, using: &random) == 0 ? 0xFF : 0x7F as UInt8 }
            #expect((Digest(exactly: left) < Digest(exactly: right)) == left.lexicographicallyPrecedes(right))
            let (first, second) = (NodeID(exactly: Array(left[..<16])), NodeID(exactly: Array(right[..<16])))
            #expect((first < second) == left[..<16].lexicographicallyPrecedes(right[..<16]))
        }
    }
}
