import ArgumentParser
import Simulator

/// Many small runs with random faults.
struct CampaignRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "campaign",
        abstract: "Many small runs, each with a topology and faults drawn from its seed, with all checkers on.",
        discussion: """
            Prints each seed in which a checker fired, with the command that replays it, and exits with 1 if there was
            one. --plant puts a bug into the simulated shell, to show that the checkers find it.
            """)

    @Argument(help: "How many seeds.") var count: Int = 100
    @Option(help: "The first seed.") var first: UInt64 = 1
    @Option(help: "Run this seed alone and say all about it.") var replay: UInt64?
    @Option(help: "A bug: \(Scenario.Plant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var plant: PlantName?
    @Option(help: "End after so many failing seeds.") var failures = 5
    @Flag(help: "Say each seed's result.") var verbose = false

    func validate() throws {
        guard count > 0, failures > 0 else { throw ValidationError("a campaign needs at least one seed") }
    }

    func run() throws {
        if let replay { return try runAgain(replay) }
        let clock = ContinuousClock()
        let began = clock.now
        var failing: [UInt64] = []
        for seed in first..<first + UInt64(count) where failing.count < failures {
            let scenario = Scenario.random(seed: seed, plant: plant?.plant)
            let report = Simulation(scenario).run()
            if verbose { print("seed \(seed): \(scenario.outline): last \(fixed(report.seconds(atShare: 1))) s") }
            guard let violation = report.violations.first else { continue }
            failing.append(seed)
            print("seed \(seed): \(violation)")
            print(
                "  replay: shoal-sim campaign --replay \(seed)" + (plant.map { " --plant \($0.plant.rawValue)" } ?? ""))
        }
        let wall = fixed(seconds(clock.now - began))
        print("\(count) seeds from \(first) on, \(failing.count) failing, \(wall) s")
        if !failing.isEmpty { throw ExitCode(1) }
    }

    private func runAgain(_ seed: UInt64) throws {
        let scenario = Scenario.random(seed: seed, plant: plant?.plant)
        print(scenario.outline)
        for fault in scenario.faults { print("fault       \(fault)") }
        let outcome = Outcome(of: scenario, threadCount: 1)
        print(Summary(scenario, outcome).text)
        if !outcome.report.violations.isEmpty { throw ExitCode(1) }
    }
}
