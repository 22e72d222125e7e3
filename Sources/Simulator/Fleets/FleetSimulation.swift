import Fleet
import Units

/// Runs a `FleetScenario`. Equal scenarios give equal reports, with any number of shards.
public final class FleetSimulation {
    private let setting: FleetSetting
    private let shards: [FleetShard]
    private let lookahead: Nanoseconds
    private let pause: Nanoseconds
    private var now: Nanoseconds = 0
    private var settledAt: Nanoseconds?
    private var oldest = Duration.zero
    private var lookAt = Nanoseconds.never
    /// How long nodes may take to learn of each other.
    private static let patienceSeconds = 1_200.0

    /// Runs a body for each shard, by its number, and returns when all of them have ended.
    public typealias Crew = ((Int) -> Void) -> Void

    /// - Parameter shardCount: how many threads may work on it.
    public init(_ scenario: FleetScenario, shardCount: Int = 1) {
        setting = FleetSetting(scenario)
        let count = max(1, shardCount)
        shards = (0..<count).map { [setting] number in
            let lower = scenario.nodeCount * number / count
            return FleetShard(setting, range: lower..<scenario.nodeCount * (number + 1) / count)
        }
        lookahead = Nanoseconds(seconds: scenario.delaySeconds.lowerBound)
        precondition(lookahead > 0, "nodes without a delay between them cannot be split")
        pause = setting.pause
        guard scenario.isSettled else { return }
        let rows = Dictionary(uniqueKeysWithValues: shards.flatMap { $0.firstRows() })
        for shard in shards { shard.settle(knowing: rows) }
    }

    /// How many parts can be worked on at once.
    public var shardCount: Int { shards.count }
    /// Simulated so far.
    public var seconds: Double { now.inSeconds }
    /// Nodes that know of all others.
    public var completeCount: Int { shards.reduce(0) { $0 + $1.completeCount } }

    /// Runs a second further; false once nothing is left to do.
    public func advance(by crew: Crew = { $0(0) }) -> Bool {
        run(until: now + 1_000_000_000, by: crew)
        guard let settledAt else {
            if completeCount == setting.scenario.nodeCount { settle() }
            return seconds < Self.patienceSeconds
        }
        let length = Nanoseconds(Double(pause) * setting.scenario.heartbeatCount)
        let end = settledAt + max(length, setting.changesEnd)
        if now >= lookAt || now >= end {
            lookAt = now + max(10_000_000_000, pause / 4)
            oldest = shards.reduce(oldest) { max($0, $1.oldestRow()) }
        }
        return now < end
    }

    private func settle() {
        settledAt = now
        // What was learned while nodes started is not renewed yet: rows are looked at a heartbeat later, too.
        lookAt = now
        for shard in shards {
            shard.isSettled = true
            shard.planChanges(from: now)
        }
    }

    private func run(until end: Nanoseconds, by crew: Crew) {
        if shards.count == 1 {
            shards[0].run(until: end)
        } else {
            while true {
                let first = shards.reduce(Nanoseconds.never) { min($0, $1.nextTime) }
                guard first < end else { break }
                crew { [shards] in shards[$0].run(until: min(end, first + self.lookahead)) }
                exchange()
            }
        }
        now = end
    }

    private func exchange() {
        for shard in shards {
            for posted in shard.outgoing {
                shards.first { $0.range.contains(Int(posted.node)) }?.incoming.append(posted)
            }
            shard.outgoing.removeAll(keepingCapacity: true)
        }
    }

    // MARK: Report

    /// What has come out so far.
    public func report() -> FleetReport {
        var report = FleetReport()
        report.seconds = seconds
        report.settledSeconds = settledAt?.inSeconds
        report.oldestRowSeconds = oldest.inSeconds
        report.eventCount = shards.reduce(0) { $0 + $1.eventCount }
        report.directionCount = setting.links.reduce(0) { $0 + $1.count }
        let start = (settledAt ?? now).inSeconds
        report.start = load(over: start) { $0.startLoads }
        report.settled = load(over: seconds - start) { $0.settledLoads }
        for node in shards.flatMap(\.nodes) {
            report.rowCountMean += Double(node.core.rows.count) / Double(setting.scenario.nodeCount)
            report.digest = (report.digest ^ node.digest) &* 0x0000_0100_0000_01B3
        }
        addChanges(to: &report)
        return report
    }

    private func load(over seconds: Double, _ loads: (FleetSimulatedNode) -> [LinkLoad]) -> FleetReport.Load {
        guard seconds > 0 else { return FleetReport.Load() }
        var load = FleetReport.Load()
        var count = 0
        for link in shards.flatMap(\.nodes).flatMap(loads) {
            count += 1
            let mean = Double(link.byteCount) / seconds
            load.mean += mean
            load.meanOfWorst = max(load.meanOfWorst, mean)
            load.peak = max(load.peak, Double(link.peakByteCount))
        }
        load.mean /= Double(max(1, count))
        return load
    }

    private func addChanges(to report: inout FleetReport) {
        guard let settledAt else { return }
        for (number, change) in setting.changes.enumerated() {
            let count = shards.reduce(0) { $0 + $1.known[number] }
            let last = shards.reduce(0) { max($0, $1.knownAt[number]) }
            let isKnown = count == setting.scenario.nodeCount
            let taken = isKnown ? (last - settledAt - change.after).inSeconds : .infinity
            if change.isSingle {
                report.singleChangeSeconds.append(taken)
            } else {
                report.massChangeSeconds.append(taken)
            }
        }
        report.singleChangeSeconds.sort()
        report.massChangeSeconds.sort()
    }
}
