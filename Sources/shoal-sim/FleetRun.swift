import ArgumentParser
import Simulator

/// Nodes that only say what they run.
struct FleetRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "What it costs that each node knows what all others run, and how soon it does.",
        discussion: """
            All nodes start within two seconds and report; then twenty of them change one after the other, then a \
            thousand at once. With --settled everybody knows of everybody at the beginning already. Bytes are those of \
            frames about status with what TLS adds.
            """)

    @Option(help: "Nodes.") var nodes = 1_000
    @Option(help: "Connections of a node, on average.") var degree = 10
    @Flag(help: "Begin with a cluster that has run for a while.") var settled = false
    @Option(help: "How long it goes on after the start, in times from one record of a node to its next.")
    var heartbeats = 2.0
    @Option(help: "Nodes that change at once.") var changes = 1_000
    @Option(help: "What all chance comes from.") var seed: UInt64 = 1
    @Option(help: "Threads. The trace is the same with any number.") var threads = 1
    @Flag(help: "Say on stderr how far it is.") var progress = false

    func validate() throws {
        guard (2...16_384).contains(nodes), degree > 1 else { throw ValidationError("--nodes takes 2 to 16,384") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64") }
    }

    func run() throws {
        var scenario = FleetScenario()
        scenario.nodeCount = nodes
        scenario.degree = degree
        scenario.isSettled = settled
        scenario.heartbeatCount = heartbeats
        scenario.massChangeCount = changes
        scenario.seed = seed
        let clock = ContinuousClock()
        let began = clock.now
        let simulation = FleetSimulation(scenario, shardCount: threads)
        let crew = Crew(count: simulation.shardCount)
        var told = clock.now
        while simulation.advance(by: crew.perform) {
            guard progress, clock.now - told > .seconds(5) else { continue }
            told = clock.now
            let complete = "\(simulation.completeCount) nodes know of all"
            let wall = fixed(seconds(told - began))
            OutputFile.complain("\(fixed(simulation.seconds)) s simulated, \(complete), \(wall) s passed")
        }
        crew.end()
        print(Self.text(simulation.report()))
        print("run         \(fixed(seconds(clock.now - began))) s, \(OutputFile.residentByteCountPeak >> 20) MiB")
    }

    private static func text(_ report: FleetReport) -> String {
        func load(_ load: FleetReport.Load) -> String {
            let worst = "worst link \(Int(load.meanOfWorst))"
            return "\(Int(load.mean)) bytes a second on a link each way, \(worst), most in a second \(Int(load.peak))"
        }
        func times(_ seconds: [Double]) -> String {
            guard let last = seconds.last else { return "none" }
            return "\(seconds.count) known everywhere after \(fixed(seconds[seconds.count / 2])) s, "
                + "the last after \(fixed(last)) s"
        }
        return [
            "settled     " + (report.settledSeconds.map { "after \(fixed($0)) s" } ?? "never"),
            "start       " + load(report.start),
            "after that  " + load(report.settled),
            "changes     " + times(report.singleChangeSeconds),
            "at once     " + times(report.massChangeSeconds),
            "oldest row  \(fixed(report.oldestRowSeconds)) s",
            "rows        \(fixed(report.rowCountMean)) a node",
            "events      \(report.eventCount) in \(fixed(report.seconds)) simulated seconds",
            "digest      \(hex(report.digest))",
        ].joined(separator: "\n")
    }
}
