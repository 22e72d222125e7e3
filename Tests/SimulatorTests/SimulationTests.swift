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

    @Test(arguments: [Scenario.Plant.storeDamaged, .storeTwice, .keepBuffers, .shiftData])
    func plantedBugIsFound(_ plant: Scenario.Plant) {
        let found = (1...UInt64(12)).contains { seed in
            !Simulation(Scenario.random(seed: seed, plant: plant)).run().violations.isEmpty
        }
        #expect(found)
    }
}
