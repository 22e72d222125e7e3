import Testing
import Units

@testable import Swarm

/// Whom a directing seed offers nothing any more.
@Suite struct OfferWaitsTests {
    private static func waits(_ seconds: [UInt8: Double]) -> OfferWaits {
        var waits = OfferWaits()
        for (number, wait) in seconds { waits.add(.milliseconds(Int64(wait * 1000)), of: CoreUnderTest.node(number)) }
        return waits
    }

    @Test func aSlowNeighbour_isTooSlowNearTheEndOnly() {
        let waits = Self.waits([1: 0.2, 2: 0.2, 3: 0.25, 4: 2])
        #expect(waits.tooSlow(for: .seconds(60)).isEmpty)
        #expect(waits.tooSlow(for: .seconds(5)) == [CoreUnderTest.node(4)])
        #expect(waits.tooSlow(for: .zero) == [CoreUnderTest.node(4)])
    }

    @Test func oneThatAnswersInNoTime_makesNobodyTooSlow() {
        let waits = Self.waits([1: 0.001, 2: 0.2, 3: 0.25, 4: 0.3])
        #expect(waits.tooSlow(for: .zero).isEmpty)
    }

    @Test func oneThatBecameFaster_isOfferedAgain() {
        var waits = Self.waits([1: 0.2, 2: 0.2, 3: 0.25, 4: 2])
        for _ in 0..<10 { waits.add(.milliseconds(200), of: CoreUnderTest.node(4)) }
        #expect(waits.tooSlow(for: .zero).isEmpty)
    }

    @Test func whatAnotherAnnounces_saysNothingOfTheOneThatWasOfferedIt() {
        #expect(Self.direction(announcer: { _ in 4 }).tooSlow(restCount: 0, at: Self.end).isEmpty)
        #expect(Self.direction(announcer: { $0 }).tooSlow(restCount: 0, at: Self.end) == [CoreUnderTest.node(4)])
    }

    private static let end = Instant(nanoseconds: 10_000_000_000)

    /// Four neighbours are offered a chunk each, of which the fourth is announced late.
    private static func direction(announcer: (UInt8) -> UInt8) -> Direction {
        var direction = Direction(capacity: 8)
        for number: UInt8 in 1...4 {
            direction.open(ChunkIndex(UInt32(number)), to: CoreUnderTest.node(number), at: Instant(nanoseconds: 0))
        }
        for number: UInt8 in 1...4 {
            let moment = Instant(nanoseconds: number == 4 ? 5_000_000_000 : 100_000_000)
            direction.fulfil(ChunkIndex(UInt32(number)), by: CoreUnderTest.node(announcer(number)), at: moment)
        }
        return direction
    }
}
