import Units

/// One run: nodes, network, clock and what goes wrong, from the first dial to the last chunk.
public final class Simulation {
    let setting: Setting
    let shards: [Shard]
    private var end: Nanoseconds
    private let step: Nanoseconds
    /// How long a run goes on when everybody is done, so that what is under way can end.
    private static let lingerSeconds = 2.0

    /// - Precondition: the scenario has a seed and a node, and names no node that it does not have.
    public init(_ scenario: Scenario) {
        setting = Setting(scenario)
        shards = [Shard(setting, range: 0..<setting.profiles.count)]
        step = max(1_000_000, setting.limit / 200)
        let patience = scenario.patienceSeconds.map { Nanoseconds(seconds: $0) }
        let lastStart = setting.profiles.reduce(setting.origin) { max($0, $1.planAt) }
        let lastSpell = setting.weather.spells.reduce(lastStart) { $1.until < .never ? max($0, $1.until) : $0 }
        end = lastSpell + (patience ?? setting.limit * 20 + 120_000_000_000)
    }

    /// Runs to the end.
    public func run() -> SimulationReport {
        while advance() {}
        return report()
    }

    /// Runs a little further; false once nothing is left to do.
    public func advance() -> Bool {
        let next = nextStop
        for shard in shards { shard.run(until: next) }
        stopped = next
        guard isEveryoneDone, doneAt == nil else { return !isOver }
        doneAt = next
        end = min(end, next + Nanoseconds(seconds: Self.lingerSeconds))
        return !isOver
    }

    private var stopped: Nanoseconds = 0
    private var doneAt: Nanoseconds?
    private var nextStop: Nanoseconds { min(end, stopped + step) }
    private var isEveryoneDone: Bool { shards.allSatisfy { $0.lackingCount == 0 } }
    var isOver: Bool { stopped >= end || shards.contains { !$0.violations.isEmpty } }

    /// Since the clock's start, in seconds; negative while nodes connect.
    public var seconds: Double { (stopped - setting.origin).inSeconds }

    /// How many of the nodes are done, and how many are to be.
    public var progress: (done: Int, all: Int) {
        var (done, all) = (0, 0)
        for profile in setting.profiles where !profile.isSeed && !profile.isDoomed {
            all += 1
            if node(profile.index).completedAt != nil { done += 1 }
        }
        return (done, all)
    }

    func node(_ index: Int) -> SimulatedNode {
        for shard in shards where shard.range.contains(index) { return shard.node(Int32(index)) }
        preconditionFailure("there is no node \(index)")
    }
}
