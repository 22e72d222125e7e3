import Simulator
import Testing
import Units

@Suite struct FleetSimulationTests {
    private func run(_ scenario: FleetScenario, shards: Int = 1) -> FleetReport {
        let simulation = FleetSimulation(scenario, shardCount: shards)
        while simulation.advance(by: { body in for shard in 0..<shards { body(shard) } }) {}
        return simulation.report()
    }

    @Test func everybodyKnowsOfEverybody_andOfEachChangeWithinSeconds() {
        var scenario = FleetScenario()
        scenario.nodeCount = 40
        let report = run(scenario)
        #expect(report.settledSeconds ?? .infinity < 30)
        #expect(report.rowCountMean == 40)
        #expect(report.singleChangeSeconds.count == 20)
        #expect(report.singleChangeSeconds.last ?? .infinity < 10)
        #expect(report.massChangeSeconds.last ?? .infinity < 10)
        #expect(report.settled.peak <= 20_000)
        #expect(report.start.peak <= 20_000)
        #expect(report.oldestRowSeconds < 300)
    }

    @Test func aSettledClusterOnlyRenewsItsRows_andHearsOfChangesAsSoon() {
        var scenario = FleetScenario()
        scenario.nodeCount = 40
        scenario.isSettled = true
        let report = run(scenario)
        #expect(report.settledSeconds == 1 && report.rowCountMean == 40)
        // Certificates do not travel again, nor rows that are no older than one pause.
        #expect(report.settled.mean < 2_000)
        #expect(report.singleChangeSeconds.last ?? .infinity < 10)
        // A renewal waits for others at each of the hops, of which forty nodes with ten links each make at most three.
        let renewal = Limits.statusPauseMin + Limits.statusRenewalPauseMax * 3
        #expect(report.oldestRowSeconds <= renewal.inSeconds)
    }

    @Test func equalScenariosGiveEqualDigestsWithAnyNumberOfShards() {
        var scenario = FleetScenario()
        scenario.nodeCount = 30
        scenario.seed = 5
        let alone = run(scenario)
        #expect(run(scenario, shards: 3).digest == alone.digest)
        scenario.seed = 6
        #expect(run(scenario).digest != alone.digest)
    }
}
