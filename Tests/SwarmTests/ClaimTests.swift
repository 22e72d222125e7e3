import Testing
import Units
import Wire

@testable import Swarm

/// Across a slow link one copy of a chunk is to come for all of a place.
@Suite struct ClaimTests {
    private static let here = ["rack": "a"]
    private static let there = ["rack": "b"]

    private static func core() -> CoreUnderTest { CoreUnderTest(labels: here) }

    /// Has these neighbours in its place, which want four chunks as it does, and hears of one more.
    private static func core(mates: ClosedRange<UInt8>) throws -> CoreUnderTest {
        var core = core()
        for number in mates { core.connect(number, labels: here) }
        core.feed(.versionAdded(CoreUnderTest.plan(4)))
        for number in mates { core.holdings(from: number, count: 4, flags: .wants) }
        core.receive(.peers(Peers(fitting: [try stranger(mates.upperBound + 1)])), from: 1)
        return core
    }

    private static func claim(_ chunk: ChunkIndex, by number: UInt8) -> Message {
        .claim(
            Claim(
                chunk: ChunkReference(version: CoreUnderTest.version, chunk: chunk),
                claimant: CoreUnderTest.node(number)))
    }

    @Test func aClaimReachesAllOfThePlaceThatLackTheChunk_whereNotAllKnowEachOther() throws {
        var core = Self.core()
        for number: UInt8 in 1...7 { core.connect(number, labels: Self.here) }
        core.connect(8, labels: Self.there)
        core.feed(.versionAdded(CoreUnderTest.plan(4)))
        for number: UInt8 in 1...6 { core.holdings(from: number, count: 4, flags: .wants) }
        core.holdings(from: 7, count: 4, held: [1], flags: .wants)
        core.holdings(from: 8, count: 4, held: [2], flags: .wants)
        core.receive(.peers(Peers(fitting: [try Self.stranger(9)])), from: 1)
        let effects = core.receive(Self.claim(0, by: 1), from: 2)
        let receivers = (1...8).filter { effects.sent(to: $0).contains(Self.claim(0, by: 1)) }
        #expect(receivers == [3, 4, 5, 6, 7])
        #expect(core.receive(Self.claim(0, by: 1), from: 3).sent.isEmpty, "once")
    }

    @Test func aClaimInALargePlace_isPassedOnToEight() throws {
        var core = try Self.core(mates: 1...14)
        let effects = core.receive(Self.claim(0, by: 1), from: 2)
        let receivers = (1...14).filter { effects.sent(to: $0).contains(Self.claim(0, by: 1)) }
        #expect(receivers.count == 8 && !receivers.contains(1) && !receivers.contains(2))
    }

    @Test func anEndlessRowOfBetterClaimants_isNotPassedOnWithoutEnd() throws {
        var core = try Self.core(mates: 1...2)
        let salt = Place.number(of: CoreUnderTest.version)
        // The order of a place goes by the first eight bytes of a node.
        let invented = (10...99).map { NodeID(exactly: [$0] + Array(repeating: 0, count: 15)) }
        let turns = invented.map { (node: $0, turn: Place.turn(of: Place.number(of: $0), for: 0, salt: salt)) }
        let reference = ChunkReference(version: CoreUnderTest.version, chunk: 0)
        let passedOnCount = turns.sorted { $0.turn > $1.turn }.reduce(0) { count, claimant in
            let claim = Message.claim(Claim(chunk: reference, claimant: claimant.node))
            return count + core.receive(claim, from: 1).sent(to: 2).count
        }
        #expect(passedOnCount == 9, "the first, and eight better ones")
    }

    @Test func whatHasItsTurn_isAskedForBeyond_howeverMuchIsAskedForInside() {
        var core = Self.core()
        core.connect(1, labels: Self.here)
        core.connect(2, labels: Self.there)
        core.feed(.versionAdded(CoreUnderTest.plan(400)))
        let rest = (1..<400).map { ChunkIndex(UInt32($0)) }
        let inside = core.holdings(from: 1, count: 400, held: rest, flags: .wants).requests
        #expect((8..<rest.count).contains(inside.count), "the window is full")
        core.holdings(from: 2, count: 400, flags: .wants)
        let beyond = core.have([0], from: 2)
        #expect(beyond.requests.map { $0.source } == [CoreUnderTest.node(2)])
        #expect(beyond.sent(to: 1).contains(Self.claim(0, by: 0)))
    }

    /// One of this place that is no neighbour.
    private static func stranger(_ number: UInt8) throws -> PeerEntry {
        PeerEntry(
            node: CoreUnderTest.node(number),
            endpoint: Endpoint(address: CoreUnderTest.address(10, 0, 0, number), port: 7000),
            models: [try #require(ModelName("test"))],
            placeMark: Place.mark(of: Place.key(of: here)))
    }
}
