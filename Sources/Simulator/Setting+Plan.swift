internal import Glibc
import Swarm
import Units
import Wire

/// From a scenario to who is where and what will happen when.
extension Setting {
    init(_ scenario: Scenario) {
        precondition(scenario.nodeCount > 0 && scenario.seedCount > 0, "a run needs a seed and a node")
        precondition(scenario.chunkByteCount <= Limits.chunkByteCountMax, "chunks of \(scenario.chunkByteCount) bytes")
        guard let model = ModelName("simulated") else { preconditionFailure("a plain word is a name") }
        self.scenario = scenario
        self.model = model
        network = scenario.network
        version = Digest(exactly: (0..<32).map { UInt8($0) })
        chunkByteCounts = Self.chunks(of: scenario)
        delay = Nanoseconds(seconds: scenario.delay)
        rackDelay = Nanoseconds(seconds: scenario.rackDelay)
        origin = Nanoseconds(seconds: scenario.settleSeconds)
        let joinCount = scenario.faults.reduce(0) { if case .join = $1 { $0 + 1 } else { $0 } }
        let count = scenario.seedCount + scenario.nodeCount + joinCount
        var random = SplitMix64(seed: scenario.seed)
        let perRack = scenario.rackCount > 0 ? (count + scenario.rackCount - 1) / scenario.rackCount : count
        rackNanosecondsPerByte =
            scenario.rackCount > 1
            ? 8e9 / (scenario.bitRate * Double(perRack) / scenario.oversubscription) : nil
        var profiles = (0..<count).map { index in
            let isFirst = index < scenario.seedCount
            let bitRate = isFirst ? scenario.seedBitRate ?? scenario.bitRate : scenario.bitRate
            let wait = scenario.documentSeconds * Double.random(in: 1...2, using: &random)
            var profile = NodeProfile(
                index: index, id: NodeProfile.id(of: index, random: &random), rack: index / perRack,
                nanosecondsPerByte: 8e9 / bitRate, storeNanosecondsPerByte: 1e9 / scenario.network.storeBytesPerSecond,
                planAt: Nanoseconds(seconds: scenario.settleSeconds + (isFirst ? 0 : wait)))
            profile.isSeed = isFirst
            return profile
        }
        limit = Self.limit(of: scenario, rackNanosecondsPerByte: rackNanosecondsPerByte)
        sampleWidth = max(1, limit / Nanoseconds(scenario.sampleCount))
        var weather = Weather()
        let clock = (origin: origin, limit: limit)
        var nextJoin = scenario.seedCount + scenario.nodeCount
        for fault in scenario.faults {
            Self.apply(fault, to: &profiles, &weather, clock: clock, nextJoin: &nextJoin)
        }
        Self.introduce(&profiles, scenario.peers, random: &random)
        self.profiles = profiles
        racks = profiles.map { $0.rack }
        self.weather = weather
    }

    private static func chunks(of scenario: Scenario) -> [UInt32] {
        guard !scenario.isCutByContent else { return contentChunks(of: scenario) }
        let whole = scenario.byteCount / scenario.chunkByteCount
        let rest = scenario.byteCount % scenario.chunkByteCount
        return Array(repeating: UInt32(scenario.chunkByteCount), count: whole) + (rest > 0 ? [UInt32(rest)] : [])
    }

    /// Lengths as content gives them: from half of the average on each byte may end a chunk, with a chance that is four
    /// times higher from the average on, and half as much again as the average ends it in any case
    /// (`Protocol/documents.md`, section 8).
    private static func contentChunks(of scenario: Scenario) -> [UInt32] {
        var random = SplitMix64(seed: scenario.seed ^ 0xC0_7E27)
        let average = Double(scenario.chunkByteCount)
        var lengths: [UInt32] = []
        var rest = scenario.byteCount
        while rest > 0 {
            var length = average / 2 - log(1 - Double.random(in: 0..<1, using: &random)) * average
            if length > average {
                length = average - log(1 - Double.random(in: 0..<1, using: &random)) * average / 4
            }
            let byteCount = min(Int(min(length, 1.5 * average)), rest)
            lengths.append(UInt32(byteCount))
            rest -= byteCount
        }
        return lengths
    }

    /// max(F/u_seed, F/u_node, N·F/(u_seeds + N·u_node), F/u_rack), with what TCP can carry of each link.
    private static func limit(of scenario: Scenario, rackNanosecondsPerByte: Double?) -> Nanoseconds {
        let bytes = Double(scenario.byteCount) * scenario.network.wireFactor
        let up = scenario.bitRate / 8
        let seed = (scenario.seedBitRate ?? scenario.bitRate) / 8
        let (seeds, nodes) = (Double(scenario.seedCount), Double(scenario.nodeCount))
        var seconds = max(bytes / (seed * seeds), bytes / up, nodes * bytes / (seeds * seed + nodes * up))
        if let rackNanosecondsPerByte { seconds = max(seconds, bytes * rackNanosecondsPerByte / 1e9) }
        return Nanoseconds(seconds: seconds)
    }

    private static func apply(
        _ fault: Fault, to profiles: inout [NodeProfile], _ weather: inout Weather,
        clock: (origin: Nanoseconds, limit: Nanoseconds), nextJoin: inout Int
    ) {
        func moment(_ share: Double) -> Nanoseconds { clock.origin + Nanoseconds(share * Double(clock.limit)) }
        switch fault {
        case .kill(let node, let at):
            profiles[node].diesAt = min(profiles[node].diesAt, moment(at))
            profiles[node].isDoomed = true
        case .blackHole(let node, let from, let until):
            weather.spells.append(.init(from: moment(from), until: until.map(moment) ?? .never, part: [node]))
            if until == nil { profiles[node].isDoomed = true }
        case .freeze(let node, let from, let until):
            weather.standstills[node, default: []].append(.init(from: moment(from), until: moment(until)))
        case .partition(let part, let from, let until):
            weather.spells.append(.init(from: moment(from), until: moment(until), part: part))
        case .slowLink(let node, let factor): profiles[node].nanosecondsPerByte /= factor
        case .slowDisk(let node, let rate): profiles[node].storeNanosecondsPerByte = 1e9 / rate
        case .damage(let node, let interval):
            profiles[node].damageInterval = interval
            profiles[node].isDoomed = true
        case .join(let at):
            profiles[nextJoin].startsAt = moment(at)
            profiles[nextJoin].planAt = moment(at) + (profiles[nextJoin].planAt - clock.origin)
            profiles[nextJoin].isJoiner = true
            nextJoin += 1
        }
    }

    private static func introduce(
        _ profiles: inout [NodeProfile], _ choice: Scenario.PeerChoice, random: inout SplitMix64
    ) {
        for index in profiles.indices {
            switch choice {
            case .seed:
                let seeds = profiles.prefix { $0.isSeed }
                profiles[index].peers = seeds.indices.filter { $0 != index }.map { Int32($0) }
            case .random(let count):
                let eligibleCount = profiles.count { mayKnow($0, profiles[index]) }
                var chosen: [Int32] = []
                while chosen.count < min(count, eligibleCount) {
                    let other = Int32.random(in: 0..<Int32(profiles.count), using: &random)
                    let isEligible = mayKnow(profiles[Int(other)], profiles[index])
                    if isEligible, !chosen.contains(other) { chosen.append(other) }
                }
                profiles[index].peers = chosen
            }
        }
    }

    /// Whoever is there from the start cannot be told of one that comes later.
    private static func mayKnow(_ other: NodeProfile, _ node: NodeProfile) -> Bool {
        other.index != node.index && (node.isJoiner || !other.isJoiner)
    }
}
