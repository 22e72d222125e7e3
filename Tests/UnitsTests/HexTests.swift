import Testing

@testable import Units

@Test func hexRoundTrips() { #expect(Hex.decode(Hex.encode([0, 171, 255])) == [0, 171, 255]) }
