import Simulator
import Testing

@Suite struct RolloutSimulationTests {
    @Test(arguments: [1, 101, 201] as [UInt64])
    func noCheckerFires(first: UInt64) {
        for seed in first..<first + 25 {
            let report = RolloutSimulation(.random(seed: seed, nodeCount: 8 + Int(seed % 5))).run()
            let command = "shoal-sim rollouts --replay \(seed) --nodes \(8 + seed % 5)"
            #expect(report.violations.isEmpty, "\(command): \(report.violations.map(\.description))")
        }
    }

    @Test func equalSeedsGiveEqualTraces() {
        let digests = (1...6).map { RolloutSimulation(.random(seed: $0, nodeCount: 9)).run().digest }
        let again = (1...6).map { RolloutSimulation(.random(seed: $0, nodeCount: 9)).run().digest }
        #expect(digests == again)
        #expect(Set(digests).count == 6)
    }

    @Test(arguments: RolloutScenario.Plant.allCases.filter { $0 != .trustSilent })
    func plantedBugIsFound(_ plant: RolloutScenario.Plant) {
        let found = (1...60 as ClosedRange<UInt64>).contains { seed in
            !RolloutSimulation(.random(seed: seed, nodeCount: 9, plant: plant)).run().violations.isEmpty
        }
        #expect(found)
    }

    /// Half of the nodes are away for longer than a node that reports is silent.
    private func halfAway(seed: UInt64, _ plant: RolloutScenario.Plant?) -> RolloutRunReport {
        var scenario = RolloutScenario()
        scenario.seed = seed
        scenario.nodeCount = 8
        scenario.plant = plant
        scenario.faultSeconds = 100
        scenario.acts = [(2, .promoteInRings(2))]
        scenario.faults = (0..<4).map { (5, .crashAgent($0, seconds: 90)) }
        return RolloutSimulation(scenario).run()
    }

    @Test func trustInSilentNodesIsFound() {
        let seeds: ClosedRange<UInt64> = 1...10
        #expect(seeds.allSatisfy { halfAway(seed: $0, nil).violations.isEmpty })
        #expect(seeds.contains { !halfAway(seed: $0, .trustSilent).violations.isEmpty })
    }

    @Test func aRegressionOfTheSecondRingStaysThere() {
        let simulation = RolloutSimulation(.regression(inRing: 2, nodeCount: 30, seed: 2))
        let report = simulation.run()
        #expect(report.violations.isEmpty)
        #expect(report.isHalted)
        let served = simulation.servedByRing(version: 2).map(\.served.count)
        #expect(served[0] == 1)
        #expect(served[1] > 0)
        #expect(served[2...] == [0, 0])
        #expect(report.backSeconds ?? .infinity < 60)
    }

    @Test func aGoodVersionGoesThroughAllRings() {
        var scenario = RolloutScenario()
        scenario.nodeCount = 12
        scenario.acts = [(3, .promoteInRings(2))]
        scenario.faultSeconds = 5
        let simulation = RolloutSimulation(scenario)
        let report = simulation.run()
        #expect(report.violations.isEmpty)
        #expect(report.rings == (4, 4))
        #expect(simulation.servedByRing(version: 2).map(\.served.count).reduce(0, +) == 12)
    }
}
