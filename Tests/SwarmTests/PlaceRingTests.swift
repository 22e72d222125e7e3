import Testing
import Units
import Wire

@testable import Swarm

/// The nodes of a place find each other, and stay in one piece.
@Suite struct PlaceRingTests {
    private static let here = ["rack": "a"]
    private static let there = ["rack": "b"]

    /// Nodes are told apart by their first byte, by which the ring goes; the core's own is 0.
    private static func node(_ number: UInt8) -> NodeID { NodeID(exactly: [number] + Array(repeating: 0, count: 15)) }

    private static func entry(_ number: UInt8, in labels: [String: String]) -> PeerEntry {
        PeerEntry(
            node: node(number),
            endpoint: Endpoint(address: CoreUnderTest.address(10, 0, 0, number), port: 7000),
            placeMark: Place.mark(of: Place.key(of: labels)))
    }

    private static func connect(_ numbers: ClosedRange<UInt8>, _ labels: [String: String], to core: inout CoreUnderTest)
    {
        for number in numbers {
            core.feed(
                .neighbourConnected(
                    Introduction(
                        node: node(number), labels: labels, listeningPort: 7000,
                        remoteAddress: CoreUnderTest.address(10, 0, 0, number))))
        }
    }

    private static func tell(_ entries: [PeerEntry], by number: UInt8, to core: inout CoreUnderTest) -> [NodeID] {
        core.feed(.received(.peers(Peers(fitting: entries)), from: node(number))).dials.compactMap {
            if case .node(let node, _) = $0 { node } else { nil }
        }
    }

    /// As many neighbours as a node dials for, here and there.
    private static func satisfied() -> CoreUnderTest {
        var core = CoreUnderTest(labels: here)
        connect(10...29, here, to: &core)
        connect(100...103, there, to: &core)
        return core
    }

    @Test func whoeverComesNextInThePlace_isDialled_howeverManyNeighboursThereAre() {
        var core = Self.satisfied()
        let entries = [Self.entry(9, in: Self.here), Self.entry(5, in: Self.here), Self.entry(40, in: Self.here)]
        #expect(Self.tell(entries, by: 100, to: &core) == [Self.node(5)])
    }

    @Test func whoeverComesAfterANeighbour_orIsElsewhere_isNot() {
        var core = Self.satisfied()
        let entries = [Self.entry(40, in: Self.here), Self.entry(5, in: Self.there)]
        #expect(Self.tell(entries, by: 100, to: &core).isEmpty)
    }

    @Test func whoeverComesNextAndDoesNotAnswer_makesRoomForTheOneAfter_andIsTriedAgain() {
        var core = Self.satisfied()
        let entries = [Self.entry(9, in: Self.here), Self.entry(5, in: Self.here)]
        let targets = entries.map { DialTarget.node($0.node, $0.endpoint) }
        #expect(Self.tell(entries, by: 100, to: &core) == [Self.node(5)])
        var dialled: [DialTarget] = []
        core.feed(.dialFailed(targets[1], .unreachable))
        for _ in 0..<50 {
            for target in core.pass(.milliseconds(100)).dials {
                dialled.append(target)
                core.feed(.dialFailed(target, .unreachable))
            }
        }
        #expect(Set(dialled) == Set(targets))
    }

    @Test func inventedNodesThatComeNext_areDialledOnceASecond() {
        var core = Self.satisfied()
        let invented = (1...9).map { Self.entry($0, in: Self.here) }
        var dialCount = Self.tell(invented, by: 100, to: &core).count
        core.feed(.dialFailed(.node(invented[0].node, invented[0].endpoint), .wrongNode))
        for _ in 0..<30 {
            for target in core.pass(.milliseconds(100)).dials {
                dialCount += 1
                core.feed(.dialFailed(target, .wrongNode))
            }
        }
        #expect((3...4).contains(dialCount))
    }

    @Test func nodesOfANeighboursPlace_areNamedToIt_thoughOnlyHeardOf() {
        var core = CoreUnderTest(labels: Self.here)
        Self.connect(10...10, Self.here, to: &core)
        Self.connect(100...101, Self.there, to: &core)
        _ = Self.tell([Self.entry(110, in: Self.there), Self.entry(11, in: Self.here)], by: 100, to: &core)
        func named(to number: UInt8) -> [NodeID] {
            core.swarm.addressesToShare(
                with: Self.node(number), at: CoreUnderTest.address(10, 0, 0, number), now: core.now
            ).map(\.node)
        }
        #expect(named(to: 101).contains(Self.node(110)))
        #expect(!named(to: 10).contains(Self.node(11)), "of its own place a node says only whom it met")
        #expect(!named(to: 10).contains(Self.node(110)))
        #expect(!named(to: 100).contains(Self.node(110)), "it told so itself")
    }

    @Test func newsOfAPlace_goToItsNodes_aSecondAfterTheyConnected() {
        var core = CoreUnderTest(labels: Self.here)
        Self.connect(100...101, Self.there, to: &core)
        core.pass(.seconds(5))
        _ = Self.tell([Self.entry(110, in: Self.there)], by: 100, to: &core)
        let told = core.pass(.seconds(2)).compactMap { effect -> [NodeID]? in
            guard case .send(.peers(let peers), Self.node(101)) = effect else { return nil }
            return peers.entries.map(\.node)
        }
        #expect(told.last?.contains(Self.node(110)) == true)
    }

    @Test func ofManyNodesOfOneTeller_fewAreNamed_thoseThatComeNext() {
        var core = CoreUnderTest(labels: Self.here)
        Self.connect(100...101, Self.there, to: &core)
        _ = Self.tell((110...130).map { Self.entry($0, in: Self.there) }, by: 100, to: &core)
        let named = core.swarm.matesHeardOf(
            by: Self.node(101), at: CoreUnderTest.address(10, 0, 0, 101), but: [Self.node(110)])
        #expect(named.map(\.node) == (111...114).map { Self.node($0) })
    }
}
