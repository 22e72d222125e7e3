import Swarm
import Testing
import Units
import Wire

/// What a whole swarm achieves, over a virtual network. Node 0 is the seed.
@Suite struct DistributionTests {
    private static let rate = 5e6

    /// A seed and `count` others that know the version at once, all connected, all links alike.
    private func network(_ count: Int, chunks: Int, kib: Int = 64, seed: UInt64 = 1) -> VirtualNetwork {
        let network = VirtualNetwork(seed: seed, chunkCount: chunks, chunkByteCount: kib << 10)
        for _ in 0...count { _ = network.addNode(rate: Self.rate) }
        network.connectAll()
        network.publish(at: 0)
        for number in 1...count { network.want(at: number) }
        return network
    }

    private func limit(_ network: VirtualNetwork) -> Double { Double(network.totalByteCount) / Self.rate }

    private func copies(_ network: VirtualNetwork) -> Double {
        Double(network.nodes[0].sentByteCount) / Double(network.totalByteCount)
    }

    private func check(_ network: VirtualNetwork) { for node in network.nodes { node.swarm.checkInvariants() } }

    /// How near the limit depends on queues, which this network has none of: the simulator's tests look at it.
    @Test func tenNodesOnEqualLinks_complete_andTheSeedSendsOneCopy() {
        let network = network(10, chunks: 250)
        #expect(network.run(forSeconds: 120))
        #expect(copies(network) <= 1.01)
        let received = network.nodes.map { Double($0.receivedByteCount) / Double(network.totalByteCount) }
        #expect(received.allSatisfy { $0 <= 1.01 })
        check(network)
    }

    @Test(arguments: [1, 2, 3])
    func fewNodes_completeNearTheLimit(count: Int) {
        let network = network(count, chunks: 100)
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion <= limit(network) * 1.06)
        #expect(copies(network) <= 1.01)
    }

    @Test func largeDelay_isFilledByMoreRequests() {
        let network = VirtualNetwork(seed: 3, chunkCount: 400, chunkByteCount: 64 << 10, delay: .milliseconds(100))
        network.windowByteCount = 4 << 20
        for _ in 0...1 { _ = network.addNode(rate: 20e6) }
        network.connectAll()
        network.publish(at: 0)
        network.want(at: 1)
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion <= Double(network.totalByteCount) / 20e6 * 1.8 + 0.5)
    }

    @Test func aNodeThatDies_delaysNobodyMuch() {
        let network = network(5, chunks: 120)
        network.at(0.6) { network.kill(3) }
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion <= limit(network) * 1.25)
        check(network)
    }

    @Test func theSeedDies_onceEachChunkIsSomewhere_andEverybodyCompletes() {
        let network = network(5, chunks: 100)
        let isOut = network.run(forSeconds: 60) { $0.nodes[0].notes.contains(.copyIsOut($0.version)) }
        #expect(isOut)
        network.kill(0)
        #expect(network.run(forSeconds: 60))
        check(network)
    }

    @Test func aNewcomerAtHalfTime_completes_andTheSeedSendsLittleMore() {
        let network = network(5, chunks: 120)
        network.at(limit(network) / 2) {
            let number = network.addNode(rate: Self.rate)
            for other in 0..<number { network.connect(number, other) }
            network.want(at: number)
        }
        network.run(forSeconds: limit(network) * 0.6) { _ in false }
        #expect(network.run(forSeconds: 60))
        #expect(copies(network) <= 1.1)
        #expect(network.lastCompletion <= limit(network) * 1.75)
    }

    @Test func aLateLoneNewcomer_getsAllFromTheSeed() {
        let network = network(1, chunks: 50)
        #expect(network.run(forSeconds: 60))
        network.kill(1)
        let start = network.seconds
        let number = network.addNode(rate: Self.rate)
        network.connect(number, 0)
        network.want(at: number)
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion - start <= limit(network) * 1.1 + 0.1)
    }

    @Test func aLiar_isSetAsideByAll_andEverybodyCompletes() {
        let network = network(5, chunks: 100)
        network.nodes[2].isLiar = true
        #expect(network.run(forSeconds: 60))
        let blame = network.nodes.filter { $0.disconnects.contains(.badChunk) }.count
        #expect(blame >= 1)
        #expect(network.nodes.allSatisfy { $0.disconnects.allSatisfy { $0 == .badChunk } })
        check(network)
    }

    @Test func aSourceThatFreezes_addsAtMostTwoSeconds() {
        let network = network(5, chunks: 240)
        network.at(0.7) { network.nodes[4].isFrozen = true }
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion <= limit(network) * 1.05 + 2)
        // It did freeze: a living node sends about as much as it gets.
        #expect(network.nodes[4].sentByteCount < network.totalByteCount / 2)
        check(network)
    }

    @Test func aSlowNode_delaysNobodyElse() {
        let network = network(6, chunks: 200)
        network.nodes[6].upRate = Self.rate / 10
        network.nodes[6].downRate = Self.rate / 10
        let othersAreDone = network.run(forSeconds: 120) { $0.nodes.dropLast().allSatisfy { $0.completedAt != nil } }
        #expect(othersAreDone)
        #expect(network.lastCompletion <= limit(network) * 1.05 + 0.6)
    }

    @Test func sparseGraph_completes() {
        let network = VirtualNetwork(seed: 5, chunkCount: 70, chunkByteCount: 64 << 10)
        for _ in 0...15 { _ = network.addNode(rate: Self.rate) }
        for number in 0...15 { for step in [1, 4] { network.connect(number, (number + step) % 16) } }
        network.publish(at: 0)
        for number in 1...15 { network.want(at: number) }
        #expect(network.run(forSeconds: 60))
        #expect(network.lastCompletion <= limit(network) * 2)
    }

    @Test func versionsThatAreLearntOneAfterTheOther_areFetchedAllTheSame() {
        let network = VirtualNetwork(seed: 6, chunkCount: 60, chunkByteCount: 64 << 10)
        for _ in 0...4 { _ = network.addNode(rate: Self.rate) }
        network.connectAll()
        for number in 1...4 { network.at(Double(number) * 0.2) { network.want(at: number) } }
        network.at(0.1) { network.publish(at: 0) }
        #expect(network.run(forSeconds: 60))
        #expect(copies(network) <= 1.1)
    }

    @Test func theSameSeed_givesTheSameEffects() {
        func trace(_ seed: UInt64) -> UInt64? {
            let network = network(4, chunks: 30, seed: seed)
            network.trace = 0xCBF2_9CE4_8422_2325
            network.at(0.2) { network.kill(2) }
            network.run(forSeconds: 30)
            return network.trace
        }
        #expect(trace(9) == trace(9))
        #expect(trace(9) != trace(10))
    }

    @Test func peersOfOneNode_findEachOther() {
        let network = VirtualNetwork(seed: 7, chunkCount: 8, chunkByteCount: 64 << 10)
        for number in 0...10 {
            _ = network.addNode(rate: Self.rate)
            network.nodes[number].configuredPeers = number == 0 ? [] : [0]
        }
        for number in 1...10 {
            network.at(Double(number) * 0.05) { network.feed(number, .peersConfigured(count: 1)) }
        }
        network.run(forSeconds: 12) { _ in false }
        let counts = network.nodes.map { $0.swarm.neighbourReports(now: network.now).count }
        #expect(counts.allSatisfy { $0 >= 8 }, "\(counts)")
    }
}
