import Units

extension Scenario {
    /// A scenario of up to 64 nodes with faults, all drawn from the seed. Half of all seeds lack any one kind of fault,
    /// so that the others are seen alone too.
    public static func random(seed: UInt64, plant: Plant? = nil) -> Scenario {
        var random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 0x5EED)
        var scenario = Scenario()
        scenario.seed = seed
        scenario.plant = plant
        scenario.nodeCount = Int.random(in: 1...60, using: &random)
        scenario.seedCount = Int.random(in: 1...2, using: &random)
        let chunkCount = Int.random(in: 1...160, using: &random)
        scenario.chunkByteCount = (16 << 10) << Int.random(in: 0...6, using: &random)
        scenario.byteCount = scenario.chunkByteCount * chunkCount - Int.random(in: 0..<4096, using: &random)
        scenario.bitRate = [5e6, 20e6, 50e6, 200e6, 1e9].randomElement(using: &random) ?? 20e6
        scenario.delay = [0.000_05, 0.000_2, 0.002, 0.02].randomElement(using: &random) ?? 0.000_2
        if Bool.random(using: &random) {
            scenario.rackCount = Int.random(in: 2...8, using: &random)
            scenario.oversubscription = [1.0, 4, 10].randomElement(using: &random) ?? 1
            scenario.rackDelay = [0, 0.001, 0.01].randomElement(using: &random) ?? 0
            scenario.hasLabels = Bool.random(using: &random)
        }
        if Bool.random(using: &random) { scenario.peers = .random(Int.random(in: 2...5, using: &random)) }
        scenario.documentSeconds = [0.005, 0.05, 0.5].randomElement(using: &random) ?? 0.05
        scenario.network.quantumByteCount = 64 << 10
        scenario.network.hasCongestionControl = Bool.random(using: &random)
        if !scenario.network.hasCongestionControl { scenario.network.windowByteCountMax = 64 << 10 }
        // Queues of a quarter of a second; what a slow link does with the megabytes of a fast one is its own case.
        let queueByteCount = min(1_500_000, max(64 << 10, Int(scenario.bitRate / 32)))
        scenario.network.uplinkQueueByteCount = queueByteCount
        scenario.network.downlinkQueueByteCount = min(queueByteCount, 512 << 10)
        scenario.network.unsentByteCountMax = min(256 << 10, queueByteCount)
        scenario.drawFaults(&random)
        return scenario
    }

    private mutating func drawFaults(_ random: inout SplitMix64) {
        let nodes = seedCount..<(seedCount + nodeCount)
        func node() -> Int { Int.random(in: nodes, using: &random) }
        func moment() -> Double { Double.random(in: 0...1.2, using: &random) }
        /// Half of all seeds lack the fault; the others have it up to so many times.
        func times(_ countMax: Int) -> Range<Int> {
            0..<(Bool.random(using: &random) ? Int.random(in: 1...countMax, using: &random) : 0)
        }
        // With the union of what the living hold everybody can be complete; so one seed lives.
        if seedCount > 1, Bool.random(using: &random) { faults.append(.kill(1, at: moment())) }
        for _ in times(max(1, nodeCount / 10)) { faults.append(.kill(node(), at: moment())) }
        for _ in times(max(1, nodeCount / 10)) { faults.append(.join(at: moment())) }
        for _ in times(2) {
            let from = moment()
            let heals = Bool.random(using: &random)
            faults.append(.blackHole(node(), from: from, until: heals ? from + healing(&random) : nil))
        }
        for _ in times(2) {
            let from = moment()
            faults.append(.freeze(node(), from: from, until: from + healing(&random)))
        }
        if Bool.random(using: &random) {
            let from = moment()
            let part = Set((0..<(seedCount + nodeCount)).filter { _ in Bool.random(using: &random) })
            faults.append(.partition(part, from: from, until: from + healing(&random)))
        }
        for _ in times(2) { faults.append(.slowLink(node(), factor: [0.1, 0.3].randomElement(using: &random) ?? 0.1)) }
        for _ in times(2) { faults.append(.slowDisk(node(), bytesPerSecond: bitRate / 8 / 4)) }
        if nodeCount > 2 { for _ in times(1) { faults.append(.damage(node(), oneIn: 20)) } }
    }

    /// How long something lasts, in limits: at most half a minute.
    private func healing(_ random: inout SplitMix64) -> Double {
        let limit = Double(byteCount) * 8 * network.wireFactor / bitRate
        return Double.random(in: 0.05...30, using: &random) / max(limit, 0.001)
    }

    /// What kind of run this is, in a few words.
    public var outline: String {
        let racks = rackCount > 0 ? ", \(rackCount) racks" : ""
        let chunks = (byteCount + chunkByteCount - 1) / chunkByteCount
        return "\(nodeCount) nodes, \(seedCount) seeds\(racks), \(chunks) chunks of \(chunkByteCount >> 10) KiB, "
            + "\(Int(bitRate / 1e6)) Mbit/s, \(faults.count) faults"
    }
}
