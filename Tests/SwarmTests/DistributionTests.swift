import Swarm
import Testing
import Units

/// What a whole swarm achieves.
@Suite struct DistributionTests {
    /// A seed (node 0) and `count` others that know the version, all connected, all links alike.
    private func network(_ count: Int, chunks: Int, kib: Int, seed: UInt64, rate: Double = 5e6) -> VirtualNetwork {
        let network = VirtualNetwork(seed: seed, chunkCount: chunks, chunkByteCount: kib << 10)
        for _ in 0...count { _ = network.addNode(rate: rate) }
        network.connectAll()
        network.publish(at: 0)
        for number in 1...count { network.want(at: number) }
        return network
    }

    @Test(arguments: [1, 2] as [UInt64])
    func tenNodesOnEqualLinks_completeNearTheLimit_andTheSeedSendsOneCopy(seed: UInt64) {
        let network = network(10, chunks: 800, kib: 128, seed: seed)
        #expect(network.run(forSeconds: 120))
        let limit = Double(network.totalByteCount) / 5e6
        let copies = Double(network.nodes[0].sentByteCount) / Double(network.totalByteCount)
        let received = network.nodes.dropFirst().map { Double($0.receivedByteCount) / Double(network.totalByteCount) }
        print("last/limit \(network.lastCompletion / limit) copies \(copies) received \(received.max() ?? 0)")
        #expect(network.lastCompletion <= limit * 1.1)
        #expect(copies <= 1.05)
        #expect(received.allSatisfy { $0 <= 1.01 })
        for node in network.nodes { node.swarm.checkInvariants() }
    }
}
