import Swarm
import Testing
import Units

@Suite struct Probe {
    @Test func look() {
        let network = VirtualNetwork(seed: 1, chunkCount: 200, chunkByteCount: 64 << 10)
        for _ in 0...6 { _ = network.addNode(rate: 5e6) }
        network.connectAll()
        network.publish(at: 0)
        for number in 1...6 { network.want(at: number) }
        network.nodes[6].upRate = 5e5
        network.nodes[6].downRate = 5e5
        for t in 1...30 {
            network.at(Double(t) * 0.2) {
                let held = network.nodes.map { $0.swarm.versionReport(network.version, now: network.now)?.heldChunkCount ?? 0 }
                let out = network.nodes.map { $0.swarm.versionReport(network.version, now: network.now)?.outstandingRequestCount ?? 0 }
                let sent = network.nodes.map { $0.sentByteCount / 65536 }
                let up = network.nodes.map { $0.uploads.count }
                print(Double(t) * 0.2, "held", held, "sent", sent, "out", out, "uploads", up, network.nodes[0].swarm.neighbourReports(now: network.now).map { $0.queuedUploadCount })
            }
        }
        network.run(forSeconds: 60)
        print("limit", Double(network.totalByteCount) / 5e6, "last", network.lastCompletion)
        for node in network.nodes { print(node.completedAt?.description ?? "-", node.notes.prefix(6), node.notes.count, Double(node.receivedByteCount) / Double(network.totalByteCount)) }
    }
}
