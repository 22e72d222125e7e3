import Simulator
import Testing

@Suite struct SimulationTests {
    @Test func twelveNodesGetEverythingInAboutTheLimit() {
        var scenario = Scenario()
        scenario.nodeCount = 12
        scenario.byteCount = 16 << 20
        scenario.chunkByteCount = 256 << 10
        let report = Simulation(scenario).run()
        #expect(report.violations.isEmpty)
        #expect(report.completeCount == 12)
    }

    @Test func twentyNodesOnEqualLinksEndNearTheLimitAndTheSeedSendsOneCopy() {
        var scenario = Scenario()
        scenario.nodeCount = 20
        scenario.bitRate = 40e6
        scenario.byteCount = 50 << 20
        scenario.chunkByteCount = 100 << 10
        // As the agent's send windows are where links are busy.
        scenario.network.hasCongestionControl = false
        scenario.network.windowByteCountMax = 16 << 10
        scenario.network.unsentByteCountMax = 16 << 10
        scenario.checkInterval = 0
        let report = Simulation(scenario).run()
        #expect(report.completeCount == 20)
        #expect(report.completionSeconds.last ?? .infinity <= report.limitSeconds * 1.15)
        #expect(report.seedCopies <= 1.01)
        #expect(report.receivedCopies.worst <= 1.01)
    }

    @Test func equalScenariosGiveEqualDigestsWithAnyNumberOfShards() {
        var scenario = Scenario()
        scenario.nodeCount = 30
        scenario.rackCount = 3
        scenario.oversubscription = 4
        scenario.byteCount = 4 << 20
        scenario.chunkByteCount = 128 << 10
        scenario.peers = .random(3)
        let alone = Simulation(scenario).run()
        let split = Simulation(scenario, shardCount: 3).run { body in for shard in 0..<3 { body(shard) } }
        #expect(alone.digest == split.digest)
        #expect(alone.completeCount == 30)
        scenario.seed = 2
        #expect(Simulation(scenario).run().digest != alone.digest)
    }

    @Test func aStoredChunkWithWrongBytesIsFound() {
        var scenario = Scenario()
        scenario.nodeCount = 8
        scenario.byteCount = 4 << 20
        scenario.chunkByteCount = 128 << 10
        scenario.faults = [.damage(3, oneIn: 2)]
        #expect(Simulation(scenario).run().violations.isEmpty)
        scenario.plant = .storeDamaged
        #expect(Simulation(scenario).run().violations.contains { $0.kind == .damaged })
    }

    @Test(arguments: [Scenario.Plant.storeTwice, .keepBuffers, .shiftData])
    func plantedBugIsFound(_ plant: Scenario.Plant) {
        let found = (1...UInt64(12)).contains { seed in
            !Simulation(Scenario.random(seed: seed, plant: plant)).run().violations.isEmpty
        }
        #expect(found)
    }
}
