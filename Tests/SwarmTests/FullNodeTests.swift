import Swarm
import Testing
import Units
import Wire

/// What becomes of those whom a node has no room for.
@Suite struct FullNodeTests {
    private typealias Core = CoreUnderTest

    /// Nodes that know only the first one, which come within two seconds.
    private func crowd(_ count: Int, seed: UInt64) -> VirtualNetwork {
        let network = VirtualNetwork(seed: seed, chunkCount: 8, chunkByteCount: 64 << 10)
        for number in 0..<count {
            _ = network.addNode(rate: 5e6)
            guard number > 0 else { continue }
            network.nodes[number].configuredPeers = [0]
            let moment = Double(number) * 2 / Double(count)
            network.at(moment) { network.feed(number, .peersConfigured(count: 1)) }
        }
        return network
    }

    @Test(arguments: [100, 300]) func manyNodesWithOneBootstrapPeer_areLinkedInOnePieceAtOnce(count: Int) {
        let network = crowd(count, seed: 3)
        network.run(forSeconds: 3) { _ in false }
        let counts = (0..<count).map { network.degree(of: $0) }
        #expect(network.reachableCount == count)
        #expect(counts.allSatisfy { $0 >= Limits.neighbourCountTarget && $0 <= Limits.neighbourCountMax }, "\(counts)")
    }

    @Test func whoIsTurnedAway_leavesTheFullNodeAlone_whileItHasEnoughOthers() {
        let network = crowd(100, seed: 4)
        network.run(forSeconds: 120) { _ in false }
        let counts = network.nodes.map { $0.refusals.count }
        #expect(counts.contains { $0 > 0 })
        #expect(counts.allSatisfy { $0 <= 2 }, "\(counts)")
    }

    @Test func aFullNode_isDialledAgain_afterEverLongerPauses() {
        var core = Core()
        core.feed(.peersConfigured(count: 1))
        var pauses: [Double] = []
        for _ in 0..<7 {
            core.connect(1, dialled: .peer(0))
            core.feed(.neighbourFull(Core.node(1)))
            let start = core.now
            while core.effects.dials.isEmpty { core.pass(.milliseconds(100)) }
            pauses.append((core.now - start).inSeconds)
        }
        for (pause, least) in zip(pauses, [10, 20, 40, 80, 160, 300, 300]) {
            #expect(pause >= Double(least) && pause <= Double(least) * 1.25 + 0.1, "\(pauses)")
        }
    }

    @Test func aFullNode_isNotDialledUnderAnAddressThatAnotherTold() {
        var core = Core()
        core.feed(.peersConfigured(count: 1))
        core.connect(1, dialled: .peer(0))
        core.feed(.neighbourFull(Core.node(1)))
        core.connect(2)
        let entry = PeerEntry(node: Core.node(1), endpoint: Endpoint(address: Core.address(10, 0, 0, 1), port: 7447))
        #expect(core.receive(.peers(Peers(fitting: [entry])), from: 2).dials.isEmpty)
        #expect(core.pass(.seconds(9)).dials.isEmpty)
    }

    @Test func aNodeThatHadRoomAgain_isTakenForFullNoLonger() {
        var core = Core()
        core.feed(.peersConfigured(count: 1))
        for _ in 0..<3 {
            core.connect(1, dialled: .peer(0))
            core.feed(.neighbourFull(Core.node(1)))
            while core.effects.dials.isEmpty { core.pass(.milliseconds(100)) }
        }
        core.connect(1, dialled: .peer(0))
        core.feed(.neighbourLost(Core.node(1)))
        #expect(core.pass(.seconds(2)).dials == [.peer(0)])
    }
}
