import Testing
import Units

@Suite struct HexTests {
    @Test func everyByte_roundTrips_inLowerCase() {
        let bytes = Array(UInt8.min...UInt8.max)
        let text = Hex.encode(bytes)
        #expect(text.hasPrefix("000102") && text.hasSuffix("fdfeff"))
        #expect(Hex.decode(text) == bytes)
        #expect(Hex.decode(text.uppercased()) == bytes)
        #expect(Hex.decode("") == [])
    }

    @Test(arguments: ["0", "abc", "0g", "g0", " 0", "0x", "é0", "００"])
    func whatIsNoHex_isNil(text: String) { #expect(Hex.decode(text) == nil) }
}
