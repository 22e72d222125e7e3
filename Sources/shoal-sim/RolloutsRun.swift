import ArgumentParser
import Simulator
import Synchronization

/// Many simulated rollouts with random faults, or one.
struct RolloutsRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollouts",
        abstract: "Many rollouts, each with nodes, versions and faults drawn from its seed, with all checkers on.",
        discussion: """
            Agents and their processes crash, connections break, the network is divided, controllers die, an operator \
            halts, lifts, rolls back, pins and promotes, and versions are bad in some way. Prints each seed in which a \
            checker fired, with the command that replays it, and exits with 1 if there was one. --plant puts a bug \
            into the simulated shell, to show that the checkers find it. Beyond 200 nodes controllers get records \
            after two seconds, without frames between nodes.
            """)

    @Argument(help: "How many seeds.") var count = 100
    @Option(help: "The first seed.") var first: UInt64 = 1
    @Option(help: "Run this seed alone and say all about it.") var replay: UInt64?
    @Flag(help: "With --replay: print what agents do.") var trace = false
    @Option(help: "Nodes; without it 8 to 64.") var nodes: Int?
    @Option(help: "A bug: \(RolloutScenario.Plant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var plant: RolloutPlantName?
    @Option(
        help: "No faults, and one version whose requests fail from this ring on: who served it, and for how long.")
    var regression: Int?
    @Option(help: "Threads, each with a seed of its own.") var threads = 1
    @Option(help: "End after so many failing seeds.") var failures = 5
    @Flag(help: "Say on stderr how far it is.") var progress = false

    func validate() throws {
        guard count > 0, failures > 0 else { throw ValidationError("a campaign needs at least one seed") }
        guard (2...10_000).contains(nodes ?? 8) else { throw ValidationError("--nodes takes 2 to 10,000") }
        guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64") }
        guard (1...4).contains(regression ?? 1) else { throw ValidationError("--regression takes a ring, 1 to 4") }
    }

    func run() throws {
        if let regression { return try show(regression) }
        if let replay { return try runAgain(replay) }
        let campaign = RolloutCampaign(first: first, count: count, failuresMax: failures)
        let clock = ContinuousClock()
        let began = clock.now
        let crew = Crew(count: threads)
        crew.perform { number in
            while let seed = campaign.next() {
                campaign.note(seed, RolloutSimulation(scenario(seed)).run())
                let done = seed - first + 1
                guard progress, number == 0, done % 500 < UInt64(threads) else { continue }
                OutputFile.complain("\(done) seeds, \(fixed(Double(done) / seconds(clock.now - began))) a second")
            }
        }
        crew.end()
        try say(campaign.results, seconds(clock.now - began))
    }

    private func scenario(_ seed: UInt64) -> RolloutScenario {
        .random(seed: seed, nodeCount: nodes, plant: plant?.plant)
    }

    private func say(_ results: RolloutCampaign.Results, _ wall: Double) throws {
        let options = (nodes.map { " --nodes \($0)" } ?? "") + (plant.map { " --plant \($0.plant.rawValue)" } ?? "")
        for (seed, violation) in results.failing.sorted(by: { $0.seed < $1.seed }) {
            print("seed \(seed): \(violation)\n  replay: shoal-sim rollouts --replay \(seed)\(options)")
        }
        let rate = "\(fixed(wall)) s, \(fixed(Double(results.count) / wall)) a second, \(results.eventCount) events"
        print("\(results.count) seeds from \(first) on, \(results.failing.count) failing, \(rate)")
        print("\(results.doneCount) rollouts through, \(results.haltedCount) halted, digest \(hex(results.digest))")
        if !results.failing.isEmpty { throw ExitCode(1) }
    }

    private func runAgain(_ seed: UInt64) throws {
        let scenario = scenario(seed)
        print(scenario.outline)
        for (seconds, act) in scenario.acts { print("\(fixed(seconds)) s  \(act)") }
        for (seconds, fault) in scenario.faults { print("\(fixed(seconds)) s  \(fault)") }
        let simulation = RolloutSimulation(scenario)
        if trace { simulation.log = { print($0) } }
        let report = simulation.run()
        let end = report.healingSeconds.map { "\(fixed($0)) s after the last fault" } ?? "not"
        print("as it should be \(end); \(fixed(report.seconds)) simulated seconds, \(report.eventCount) events")
        print("rings       \(report.rings.released) of \(report.rings.all)\(report.isHalted ? ", halted" : "")")
        print("digest      \(hex(report.digest))")
        for violation in report.violations { print("VIOLATION   \(violation)") }
        if !report.violations.isEmpty { throw ExitCode(1) }
    }

    private func show(_ ring: Int) throws {
        let scenario = RolloutScenario.regression(inRing: ring, nodeCount: nodes ?? 100, seed: first)
        let simulation = RolloutSimulation(scenario)
        let report = simulation.run()
        for (number, nodes) in simulation.servedByRing(version: 2).enumerated() {
            print("ring \(number + 1)      \(nodes.served.count) of \(nodes.all) nodes ever served it")
        }
        let back = report.backSeconds.map { "\(fixed($0)) s" } ?? "never"
        print("all back    \(back) after the first failure; halted: \(report.isHalted)")
        print("digest      \(hex(report.digest))")
        for violation in report.violations { print("VIOLATION   \(violation)") }
        if !report.violations.isEmpty { throw ExitCode(1) }
    }
}

/// Seeds that several threads work on, and what came out.
final class RolloutCampaign: Sendable {
    struct Results {
        var count = 0
        var failing: [(seed: UInt64, violation: RolloutViolation)] = []
        var eventCount = 0
        var doneCount = 0
        var haltedCount = 0
        /// Of all seeds, in any order.
        var digest: UInt64 = 0
    }

    private struct State {
        var next: UInt64
        var results = Results()
    }

    private let state: Mutex<State>
    private let end: UInt64
    private let failuresMax: Int

    init(first: UInt64, count: Int, failuresMax: Int) {
        state = Mutex(State(next: first))
        end = first + UInt64(count)
        self.failuresMax = failuresMax
    }

    /// The next seed; nil once there is none, or enough failed.
    func next() -> UInt64? {
        state.withLock {
            guard $0.next < end, $0.results.failing.count < failuresMax else { return nil }
            $0.next += 1
            return $0.next - 1
        }
    }

    func note(_ seed: UInt64, _ report: RolloutRunReport) {
        state.withLock {
            $0.results.count += 1
            $0.results.eventCount += report.eventCount
            $0.results.digest ^= report.digest &* (seed | 1)
            if report.isHalted { $0.results.haltedCount += 1 }
            if !report.isHalted, report.rings.all > 0, report.rings.released == report.rings.all {
                $0.results.doneCount += 1
            }
            if let violation = report.violations.first { $0.results.failing.append((seed, violation)) }
        }
    }

    var results: Results { state.withLock { $0.results } }
}

/// A planted bug by its name.
struct RolloutPlantName: ExpressibleByArgument {
    let plant: RolloutScenario.Plant

    init?(argument: String) {
        guard let plant = RolloutScenario.Plant(rawValue: argument) else { return nil }
        self.plant = plant
    }

    static var allValueStrings: [String] { RolloutScenario.Plant.allCases.map(\.rawValue) }
}
