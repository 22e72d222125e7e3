import Fleet
import Synchronization
import Units
import Wire

/// What does not change while a `FleetSimulation` runs.
final class FleetSetting: Sendable {
    struct Link: Sendable {
        let node: Int32
        let id: NodeID
        let delay: Nanoseconds
    }

    /// A node changes what it says, at that time after the cluster has settled.
    struct Change: Sendable {
        let node: Int
        let after: Nanoseconds
        let isSingle: Bool
    }

    let scenario: FleetScenario
    let ids: [NodeID]
    let numbers: [NodeID: Int]
    let starts: [Nanoseconds]
    /// In a settled cluster: when each node signed its newest record, before the beginning.
    let firstReports: [Nanoseconds]
    /// From one record of a node to its next.
    let pause: Nanoseconds
    let links: [[Link]]
    let changes: [Change]
    private let desks: [StatusDesk]

    init(_ scenario: FleetScenario) {
        self.scenario = scenario
        var random = SplitMix64(seed: scenario.seed)
        let ids = (0..<scenario.nodeCount).map { _ in NodeID.random(&random) }
        self.ids = ids
        numbers = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        let spread = Nanoseconds(seconds: scenario.startSeconds)
        starts = ids.map { _ in Nanoseconds.random(in: 0...spread, using: &random) }
        links = RandomGraph.edges(nodeCount: scenario.nodeCount, degree: scenario.degree, &random)
            .reduce(into: ids.map { _ in [Link]() }) { links, edge in
                let delay = Nanoseconds(seconds: Double.random(in: scenario.delaySeconds, using: &random))
                links[edge.0].append(Link(node: Int32(edge.1), id: ids[edge.1], delay: delay))
                links[edge.1].append(Link(node: Int32(edge.0), id: ids[edge.0], delay: delay))
            }
        changes = Self.changes(scenario, &random)
        let pause = max(Limits.statusPauseMin, Limits.statusPausePerNode * scenario.nodeCount).wholeNanoseconds
        self.pause = pause
        firstReports = ids.map { _ in -Nanoseconds.random(in: 0..<pause, using: &random) }
        desks = ids.map { _ in StatusDesk() }
    }

    /// First the single ones, half a second apart; after ten seconds of quiet the many.
    private static func changes(_ scenario: FleetScenario, _ random: inout SplitMix64) -> [Change] {
        let singleCount = min(scenario.singleChangeCount, scenario.nodeCount / 2)
        let massCount = min(scenario.massChangeCount, scenario.nodeCount - singleCount)
        let nodes = (0..<scenario.nodeCount).shuffled(using: &random)
        let mass = Nanoseconds(seconds: 20 + Double(singleCount) * 0.5)
        return (0..<singleCount + massCount).map { number in
            let isSingle = number < singleCount
            let after = isSingle ? Nanoseconds(seconds: 10 + Double(number) * 0.5) : mass
            return Change(node: nodes[number], after: after, isSingle: isSingle)
        }
    }

    /// When the last change has had time to get everywhere.
    var changesEnd: Nanoseconds { (changes.map(\.after).max() ?? 0) + 20_000_000_000 }

    func desk(of node: Int) -> StatusDesk { desks[node] }
}

/// The records that one node signed lately: whoever is sent one checks it by looking here.
final class StatusDesk: Sendable {
    private static let keptCount = 16
    private let signed = Mutex<[HeldStatus]>([])

    func keep(_ status: HeldStatus) {
        signed.withLock {
            if $0.count == Self.keptCount { $0.removeFirst() }
            $0.append(status)
        }
    }

    func status(of stamp: StatusStamp) -> HeldStatus? {
        signed.withLock { $0.last { $0.record.stamp == stamp } }
    }
}

/// One node: its core, its links, and what it said.
struct FleetSimulatedNode {
    let index: Int
    let id: NodeID
    let links: [FleetSetting.Link]
    var core: Fleet
    /// Orders what it does.
    var count: UInt64 = 0
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    var isComplete = false
    var startLoads: [LinkLoad]
    var settledLoads: [LinkLoad]
    /// When the core wants to be woken, and when it will be.
    var wakeWanted: Nanoseconds?
    var wakePlanned = Nanoseconds.never
    var hasChanged = false
    private var sequence: UInt32 = 0

    init(_ setting: FleetSetting, _ index: Int) {
        self.index = index
        id = setting.ids[index]
        links = setting.links[index]
        core = Fleet(node: id)
        startLoads = links.map { _ in LinkLoad() }
        settledLoads = startLoads
    }

    /// From here on it knows what all others know, its neighbours included.
    mutating func settle(knowing rows: [NodeID: FleetRow]) {
        core = Fleet(node: id, knowing: rows, with: links.map(\.id), now: .zero)
        isComplete = true
    }

    /// A record of a usual size: two labels, one channel.
    mutating func report(at now: Nanoseconds, _ setting: FleetSetting) -> HeldStatus {
        sequence += 1
        let change = hasChanged ? setting.changes.firstIndex { $0.node == index } : nil
        hasChanged = false
        let record = StatusRecord(
            cluster: Simulated.cluster, node: id, stamp: StatusStamp(boot: 1, sequence: sequence),
            issued: Simulated.wallTime(at: now), name: Simulated.nodeName(index), software: "shoal 1.0.0 linux-x86_64",
            receivedPerSecond: UInt64(index), sentPerSecond: change.map { UInt64($0) + 1 } ?? 0,
            labels: [("zone", "zone-\(index % 16)"), ("rack", "rack-\(index % 256)")].compactMap {
                Label(key: $0.0, value: $0.1)
            },
            channels: [
                ChannelReport(
                    channel: Simulated.channel, state: change == nil ? .serving : .failed, fetchedPerMille: 1_000,
                    wanted: Simulated.digest(2), served: Simulated.digest(change == nil ? 2 : 1),
                    failed: change == nil ? nil : Simulated.digest(2),
                    reason: change == nil ? "" : "13 of 40 requests failed after the switch")
            ])
        let status = Simulated.signed(record)
        setting.desk(of: index).keep(status)
        return status
    }
}
