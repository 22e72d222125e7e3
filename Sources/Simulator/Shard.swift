import Swarm
import Units
import Wire

/// What all shards share, and nobody changes during a run.
struct Setting {
    let scenario: Scenario
    let network: NetworkModel
    let profiles: [NodeProfile]
    /// The rack of each node.
    let racks: [Int]
    let weather: Weather
    let version: Digest
    let model: ModelName
    let chunkByteCounts: [UInt32]
    /// Nanoseconds that a byte takes on a rack's uplink, either way; nil without racks.
    let rackNanosecondsPerByte: Double?
    let delay: Nanoseconds
    let rackDelay: Nanoseconds
    /// When the clock starts.
    let origin: Nanoseconds
    /// What a perfect run takes.
    let limit: Nanoseconds
    let sampleWidth: Nanoseconds

    func delay(between one: Int32, and other: Int32) -> Nanoseconds {
        racks[Int(one)] == racks[Int(other)] ? delay : delay + rackDelay
    }
}

/// Some of the nodes, all of whole racks, and what happens to them. Nothing of it is seen by another shard but what is
/// posted, and that comes at least one network delay later.
final class Shard {
    struct Posted {
        let time: Nanoseconds
        let order: UInt64
        let node: Int32
        let happening: Happening
    }

    let setting: Setting
    let network: NetworkModel
    let plant: Scenario.Plant?
    let checkInterval: Int
    /// The nodes of this shard, and where they begin in the table of all.
    let nodes: [SimulatedNode]
    let range: Range<Int>
    var now: Nanoseconds = 0
    var eventCount = 0
    var violations: [Violation] = []
    /// What is to happen in other shards, and what they said is to happen here.
    var outgoing: [Posted] = []
    var incoming: [Posted] = []
    var agenda = Agenda<(node: Int32, happening: Happening)>()
    var samples: LinkSamples
    var rackUpFreeAt: [Nanoseconds]
    var rackDownFreeAt: [Nanoseconds]
    /// Payload that came into each rack from others.
    var rackPayloadByteCounts: [Int]
    var rackWireByteCounts: [Int]
    /// Nodes of which everything is expected and that are not done.
    var lackingCount = 0
    var processor: Processor?

    init(_ setting: Setting, range: Range<Int>) {
        self.setting = setting
        self.range = range
        network = setting.network
        let scenario = setting.scenario
        plant = scenario.plant
        checkInterval = scenario.checkInterval
        nodes = range.map { index in
            let profile = setting.profiles[index]
            let labels = scenario.rackCount > 0 && scenario.hasLabels ? ["rack": "r\(profile.rack)"] : [:]
            var random = SplitMix64(seed: scenario.seed &* 0x1_0000_01B3 &+ UInt64(index))
            let swarm = Swarm(node: profile.id, labels: labels, limits: scenario.limits, seed: random.next())
            return SimulatedNode(profile, swarm: swarm, chunkCount: setting.chunkByteCounts.count, random: random)
        }
        let rackCount = max(1, scenario.rackCount)
        rackUpFreeAt = Array(repeating: 0, count: rackCount)
        rackDownFreeAt = Array(repeating: 0, count: rackCount)
        rackPayloadByteCounts = Array(repeating: 0, count: rackCount)
        rackWireByteCounts = Array(repeating: 0, count: rackCount)
        samples = LinkSamples(origin: setting.origin, width: setting.sampleWidth)
        if network.sharedCoreCount > 0 { processor = Processor(coreCount: network.sharedCoreCount) }
        for node in nodes {
            if !node.profile.isSeed, !node.profile.isDoomed { lackingCount += 1 }
            post(.start, to: node.index, at: node.profile.startsAt, by: node)
            post(.plan, to: node.index, at: node.profile.planAt, by: node)
            if node.profile.diesAt < .never { post(.die, to: node.index, at: node.profile.diesAt, by: node) }
        }
    }

    /// When the next thing happens here.
    var nextTime: Nanoseconds { incoming.reduce(agenda.nextTime ?? .never) { min($0, $1.time) } }

    func node(_ index: Int32) -> SimulatedNode { nodes[Int(index) - range.lowerBound] }

    /// Lets something happen, here or in another shard.
    func post(_ happening: Happening, to index: Int32, at time: Nanoseconds, by origin: SimulatedNode) {
        origin.causedCount += 1
        let order = UInt64(origin.index) << 40 | origin.causedCount
        if range.contains(Int(index)) {
            agenda.add((index, happening), at: time, order: order)
        } else {
            outgoing.append(Posted(time: time, order: order, node: index, happening: happening))
        }
    }

    /// Takes in what other shards posted.
    private func takeIncoming() {
        for posted in incoming {
            precondition(posted.time >= now, "a shard is told at \(now) of what happened at \(posted.time)")
            agenda.add((posted.node, posted.happening), at: posted.time, order: posted.order)
        }
        incoming.removeAll(keepingCapacity: true)
    }

    /// Lets happen what happens before `end`.
    func run(until end: Nanoseconds) {
        takeIncoming()
        while let time = agenda.nextTime, time < end, violations.isEmpty,
            let (_, order, entry) = agenda.next()
        {
            let later = setting.weather.awakening(of: entry.node, at: time)
            guard later == time else {
                if later < .never { agenda.add(entry, at: later, order: order) }
                continue
            }
            now = time
            eventCount += 1
            happen(entry.happening, to: node(entry.node), order: order)
        }
    }

    private func happen(_ happening: Happening, to node: SimulatedNode, order: UInt64) {
        switch happening {
        case .leaving(let parcel): leaveRack(parcel, from: node)
        case .head(let parcel): takeHead(parcel, at: node, order: order)
        case .arrival(let parcel): takeArrival(parcel, at: node)
        case .acknowledgement(let address, let count, let isCongested):
            takeAcknowledgement(address, byteCount: Int(count), isCongested: isCongested, at: node, order: order)
        case .wake: wake(node)
        case .watch: watch(node)
        case .stored(let ticket, let isDamaged): finishStoring(ticket, isDamaged: isDamaged, at: node)
        case .dialArrival(let dial): takeDial(dial, at: node, order: order)
        case .turnedAway(let address, let peers): takeTurningAway(from: address, peers, at: node)
        case .dialRefused(let address, let failure): endDial(address, failure, at: node)
        case .dialTimeout(let address): endDial(address, .unreachable, at: node)
        case .reset(let address): loseLink(address, at: node)
        case .metItself(let target): if node.isAlive { feed(node, .dialFailed(target, .itself)) }
        case .rechecked(let version, let chunk):
            if node.isAlive { feed(node, .chunkRechecked(version, chunk, .intact)) }
        case .start: start(node)
        case .plan: plan(node)
        case .die: die(node)
        }
    }

    func report(_ kind: Violation.Kind, at node: SimulatedNode, _ detail: String) {
        guard violations.count < 16 else { return }
        violations.append(
            Violation(kind: kind, node: node.profile.index, seconds: (now - setting.origin).inSeconds, detail: detail))
    }
}
