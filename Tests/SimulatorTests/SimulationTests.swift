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
}
