import ArgumentParser
import Simulator

/// One run.
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "One run, and what came out of it.",
        discussion: "Exits with 1 if a checker found a broken rule. Equal options give an equal digest.")

    @OptionGroup var options: ScenarioOptions
    @Option(help: "Threads. The trace is the same with any number.") var threads = 1
    @Flag(help: "One JSON object instead of text.") var json = false
    @Option(help: "Draw the completion curve and the links' use into this SVG file.") var plot: String?
    @Flag(help: "Say on stderr how far it is.") var progress = false

    func validate() throws {
        guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64") }
    }

    func run() throws {
        let scenario = try options.scenario()
        let outcome = Outcome(of: scenario, threadCount: threads, showsProgress: progress)
        if let plot { try OutputFile.write(Plot(outcome.report, title: options.title).svg, to: plot) }
        print(json ? Record(scenario, outcome).text : Summary(scenario, outcome).text)
        if !outcome.report.violations.isEmpty { throw ExitCode(1) }
    }
}

/// What a run gave, and what it took.
struct Outcome {
    let report: SimulationReport
    let wallSeconds: Double
    let residentByteCount: Int

    init(of scenario: Scenario, threadCount: Int, showsProgress: Bool = false) {
        let clock = ContinuousClock()
        let began = clock.now
        let simulation = Simulation(scenario, shardCount: threadCount)
        let crew = Crew(count: simulation.shardCount)
        var told = clock.now
        while simulation.advance(by: crew.perform) {
            guard showsProgress, clock.now - told > .seconds(5) else { continue }
            told = clock.now
            let (done, all) = simulation.progress
            let text = "\(fixed(simulation.seconds)) s simulated, \(done) of \(all) nodes complete"
            OutputFile.complain("\(text), \(fixed(seconds(told - began))) s passed")
        }
        crew.end()
        report = simulation.report()
        wallSeconds = seconds(clock.now - began)
        residentByteCount = OutputFile.residentByteCountPeak
    }
}
