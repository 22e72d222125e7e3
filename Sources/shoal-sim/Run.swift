import ArgumentParser
import Simulator

/// One run.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One run, and what came out of it.")

    @OptionGroup var options: ScenarioOptions

    func run() throws {
        let scenario = try options.scenario()
        let clock = ContinuousClock()
        let began = clock.now
        let report = Simulation(scenario).run()
        let wall = clock.now - began
        print(Summary(scenario, report, wall: wall).text)
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}
