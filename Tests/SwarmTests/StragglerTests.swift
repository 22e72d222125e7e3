import Testing
import Units
import Wire

@testable import Swarm

/// The last chunks of a fetch, of which one is asked of a source that turns out slow.
@Suite struct StragglerTests {
    private static let byteCount = CoreUnderTest.chunkByteCount

    /// All but one chunk are here, each within 10 ms, from two sources that hold all.
    private static func nearlyDone() throws -> (core: CoreUnderTest, last: ChunkTicket) {
        var core = CoreUnderTest()
        for number: UInt8 in 1...2 {
            core.connect(number)
            core.holdings(from: number, count: 4, flags: .complete)
        }
        var open = core.feed(.versionAdded(CoreUnderTest.plan(4))).requests
        core.pass(.milliseconds(10))
        while open.count > 1 { open += core.fetch(open.removeFirst()).requests }
        return (core, try #require(open.first))
    }

    private static func give(_ part: Int, of ticket: ChunkTicket, at offset: Int, _ core: inout CoreUnderTest) {
        core.feed(
            .dataReceived(
                DataSpan(neighbour: ticket.source, request: ticket.request, offset: offset, byteCount: part)))
    }

    @Test func whatHasNotBegun_isMovedToTheIdleSource() throws {
        var (core, last) = try Self.nearlyDone()
        let moved = core.pass(.milliseconds(400)).requests
        #expect(moved.map { $0.chunk } == [last.chunk])
        #expect(moved.first?.source != last.source)
    }

    @Test func whatTrickles_isMoved() throws {
        var (core, last) = try Self.nearlyDone()
        Self.give(Self.byteCount / 100, of: last, at: 0, &core)
        #expect(core.pass(.milliseconds(400)).requests.map { $0.chunk } == [last.chunk])
    }

    @Test func whatIsNearItsEnd_stays() throws {
        var (core, last) = try Self.nearlyDone()
        Self.give(Self.byteCount / 100, of: last, at: 0, &core)
        core.pass(.milliseconds(200))
        Self.give(Self.byteCount * 9 / 10, of: last, at: Self.byteCount / 100, &core)
        #expect(core.pass(.milliseconds(200)).requests.isEmpty)
    }

    @Test func whatWaitedLong_butComesFast_stays() throws {
        var (core, last) = try Self.nearlyDone()
        core.pass(.milliseconds(240))
        for part in 0..<6 {
            Self.give(Self.byteCount / 10, of: last, at: part * (Self.byteCount / 10), &core)
            #expect(core.pass(.milliseconds(20)).requests.isEmpty, "\(part)")
        }
    }

    @Test func whereAllSourcesAreSlow_theChunkStaysInTheEnd() throws {
        var (core, last) = try Self.nearlyDone()
        var moveCount = 0
        var received = 0
        for _ in 0..<4000 where received < Self.byteCount {
            let part = min(Self.byteCount / 1000, Self.byteCount - received)
            Self.give(part, of: last, at: received, &core)
            received += part
            guard let moved = core.pass(.milliseconds(100)).requests.last else { continue }
            (last, received) = (moved, 0)
            moveCount += 1
        }
        #expect(received == Self.byteCount, "it came whole, from one of them")
        #expect((1...6).contains(moveCount))
    }
}
