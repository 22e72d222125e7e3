import Swarm
import Testing
import Units

@Suite struct Probe {
    @Test func look() {
        for (n, chunks, kib) in [(10, 800, 64), (10, 200, 256), (20, 200, 64), (3, 200, 64), (2, 200, 64), (1, 200, 64)] {
        let network = VirtualNetwork(seed: 1, chunkCount: chunks, chunkByteCount: kib << 10)
        for _ in 0...n { _ = network.addNode(rate: 5e6) }
        network.connectAll()
        network.publish(at: 0)
        for number in 1...n { network.want(at: number) }
        let clock = ContinuousClock()
        let start = clock.now
        network.run(forSeconds: 60)
        let limit = Double(network.totalByteCount) / 5e6
        print(n, chunks, kib, "limit", limit, "ratio", network.lastCompletion / limit, "copies", Double(network.nodes[0].sentByteCount) / Double(network.totalByteCount), clock.now - start)
        }
    }
}
