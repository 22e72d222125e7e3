import Units

/// One run: nodes, network, clock and what goes wrong, from the first dial to the last chunk.
///
/// The nodes are split into shards of whole racks. A shard runs by itself for as long as the shortest way from one to
/// another takes; then they exchange what happened. That gives the same trace for any number of shards and threads.
public final class Simulation {
    let setting: Setting
    let shards: [Shard]
    private var end: Nanoseconds
    private let step: Nanoseconds
    /// Nothing that happens in one shard is felt in another sooner.
    private let lookahead: Nanoseconds
    private var stopped: Nanoseconds = 0
    private var doneAt: Nanoseconds?
    /// How long a run goes on when everybody is done, so that what is under way can end.
    private static let lingerSeconds = 2.0

    /// Runs a body for each shard, by its number, and returns when all of them have ended.
    public typealias Crew = ((Int) -> Void) -> Void

    /// - Parameter shardCount: how many threads may work on it. One, if the nodes share a processor.
    /// - Precondition: the scenario has a seed and a node, and names no node that it does not have.
    public init(_ scenario: Scenario, shardCount: Int = 1) {
        setting = Setting(scenario)
        let count = scenario.network.sharedCoreCount > 0 ? 1 : shardCount
        shards = Self.ranges(of: setting.profiles, count: count).map { [setting] in Shard(setting, range: $0) }
        lookahead = scenario.rackCount > 1 ? setting.delay + setting.rackDelay : setting.delay
        precondition(shards.count == 1 || lookahead > 0, "nodes without a delay between them cannot be split")
        step = max(1_000_000, setting.limit / 200)
        let patience = scenario.patienceSeconds.map { Nanoseconds(seconds: $0) }
        let lastStart = setting.profiles.reduce(setting.origin) { max($0, $1.planAt) }
        let lastSpell = setting.weather.spells.reduce(lastStart) { $1.until < .never ? max($0, $1.until) : $0 }
        end = lastSpell + (patience ?? max(setting.limit * 20, Self.slowestFetch(in: setting) * 3) + 120_000_000_000)
    }

    /// How long the slowest link alone takes for the version.
    private static func slowestFetch(in setting: Setting) -> Nanoseconds {
        let slowest = setting.profiles.filter { !$0.isDoomed }.map(\.nanosecondsPerByte).max() ?? 0
        return Nanoseconds(slowest * Double(setting.scenario.byteCount))
    }

    /// About equal parts that cut no rack.
    private static func ranges(of profiles: [NodeProfile], count: Int) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        let hasRacks = (profiles.last?.rack ?? 0) > 0
        for number in 1...max(1, count) {
            var end = number == max(1, count) ? profiles.count : profiles.count * number / count
            while hasRacks, end > start, end < profiles.count, profiles[end].rack == profiles[end - 1].rack { end += 1 }
            if end > start { ranges.append(start..<end) }
            start = max(start, end)
        }
        return ranges
    }

    /// How many parts can be worked on at once.
    public var shardCount: Int { shards.count }

    /// Runs to the end.
    public func run(by crew: Crew = { $0(0) }) -> SimulationReport {
        while advance(by: crew) {}
        return report()
    }

    /// Runs a little further, a two-hundredth of the limit; false once nothing is left to do.
    public func advance(by crew: Crew = { $0(0) }) -> Bool {
        let next = min(end, stopped + step)
        if shards.count == 1 { shards[0].run(until: next) } else { runWindows(until: next, by: crew) }
        stopped = next
        // Where nobody who stays wants anything, the seeds are to have begun.
        guard isEveryoneDone, next >= setting.origin, doneAt == nil else { return !isOver }
        doneAt = next
        end = min(end, next + Nanoseconds(seconds: Self.lingerSeconds))
        return !isOver
    }

    private func runWindows(until end: Nanoseconds, by crew: Crew) {
        while true {
            let first = shards.reduce(Nanoseconds.never) { min($0, $1.nextTime) }
            guard first < end else { return }
            let windowEnd = min(end, first + lookahead)
            crew { [shards] in shards[$0].run(until: windowEnd) }
            exchange()
            if shards.contains(where: { !$0.violations.isEmpty }) { return }
        }
    }

    /// Hands what was posted to the shards that it is for.
    private func exchange() {
        for shard in shards {
            for posted in shard.outgoing {
                shards.first { $0.range.contains(Int(posted.node)) }?.incoming.append(posted)
            }
            shard.outgoing.removeAll(keepingCapacity: true)
        }
    }

    private var isEveryoneDone: Bool { shards.allSatisfy { $0.lackingCount == 0 } }
    var isOver: Bool { stopped >= end || shards.contains { !$0.violations.isEmpty } }

    /// Since the clock's start, in seconds; negative while nodes connect.
    public var seconds: Double { (stopped - setting.origin).inSeconds }

    /// How many of the nodes are done, and how many are to be.
    public var progress: (done: Int, all: Int) {
        let all = setting.profiles.reduce(0) { $0 + ($1.isSeed || $1.isDoomed ? 0 : 1) }
        return (all - shards.reduce(0) { $0 + $1.lackingCount }, all)
    }

    func node(_ index: Int) -> SimulatedNode {
        for shard in shards where shard.range.contains(index) { return shard.node(Int32(index)) }
        preconditionFailure("there is no node \(index)")
    }
}
