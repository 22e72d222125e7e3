import Units

extension RolloutScenario {
    /// A rollout with faults, all drawn from the seed. Half of all seeds lack any one kind of fault, so that the others
    /// are seen alone too.
    /// - Parameter nodeCount: nil for 8 to 64, more often few.
    public static func random(seed: UInt64, nodeCount: Int? = nil, plant: Plant? = nil) -> RolloutScenario {
        var random = SplitMix64(seed: seed &* 0x9E37_79B9 &+ 0x5EED)
        var scenario = RolloutScenario()
        scenario.seed = seed
        scenario.plant = plant
        let most = [12, 16, 24, 64].randomElement(using: &random) ?? 24
        let drawn = Int.random(in: 8...most, using: &random)
        scenario.nodeCount = nodeCount ?? drawn
        scenario.spreadsStatus = scenario.nodeCount <= 200
        scenario.degree = Int.random(in: 4...9, using: &random)
        let delay = [0.001, 0.005, 0.05].randomElement(using: &random) ?? 0.005
        scenario.delaySeconds = delay / 4...delay
        scenario.watchSeconds = Int.random(in: 5...12, using: &random)
        scenario.waitSeconds = UInt32.random(in: 0...8, using: &random)
        scenario.haltPerMille = [0, 50, 200, 350].randomElement(using: &random) ?? 50
        scenario.expectsAll = Bool.random(using: &random)
        scenario.ringShares =
            [[0, 100, 500, 1_000], [0, 1_000], [200, 1_000], [0, 300, 900]].randomElement(using: &random) ?? [0, 1_000]
        if Bool.random(using: &random) { scenario.freshCount = Int.random(in: 0...2, using: &random) }
        if Bool.random(using: &random) { scenario.doubleCount = Int.random(in: 0...4, using: &random) }
        scenario.natures = (0..<3).map { _ in VersionNature.random(&random) }
        scenario.faultSeconds = Double(Int.random(in: 20...70, using: &random))
        scenario.drawFaults(&random)
        scenario.drawActs(&random)
        return scenario
    }

    private mutating func drawFaults(_ random: inout SplitMix64) {
        /// Half of all seeds lack the fault; the others have it up to so many times.
        func times(_ countMax: Int) -> Range<Int> {
            0..<(Bool.random(using: &random) ? Int.random(in: 1...max(1, countMax), using: &random) : 0)
        }
        let faultSeconds = faultSeconds
        func moment() -> Double { Double.random(in: 0...faultSeconds, using: &random) }
        if Bool.random(using: &random) { lossPerMillion = Int.random(in: 20...500, using: &random) }
        if Bool.random(using: &random) { crashPerMille = Int.random(in: 1...8, using: &random) }
        let nodeCount = nodeCount
        func node() -> Int { Int.random(in: 0..<nodeCount, using: &random) }
        for _ in times(nodeCount / 6) {
            // Some stay away for so long that they count as silent.
            let seconds = random.next() % 4 == 0 ? 45...90 : 0...20
            faults.append((moment(), .crashAgent(node(), seconds: Int.random(in: seconds, using: &random))))
        }
        for _ in times(nodeCount / 6) { faults.append((moment(), .crashProcess(node()))) }
        for _ in times(2) {
            faults.append((moment(), .partition(random.next(), seconds: Int.random(in: 1...30, using: &random))))
        }
        for _ in times(6) { faults.append((moment(), .breakLink(Int.random(in: 0..<1 << 20, using: &random)))) }
        for _ in times(3) { faults.append((moment(), .crashControllers)) }
        if Bool.random(using: &random) { controllerCount = 2 }
    }

    private mutating func drawActs(_ random: inout SplitMix64) {
        acts.append((2, .promoteInRings(2)))
        guard Bool.random(using: &random) else { return }
        let faultSeconds = faultSeconds
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let version = Int.random(in: 1...natures.count + 1, using: &random)
            let act: OperatorAct =
                switch random.next() % 10 {
                case 0, 1: .halt
                case 2, 3: .lift
                case 4: .rollBack
                case 5: .pin(node: Int.random(in: 0..<nodeCount, using: &random), version: version)
                case 6: .unpin
                case 7: .promoteToAll(version, flipAfter: Int.random(in: 0...20, using: &random))
                default: .promoteInRings(version)
                }
            acts.append((Double.random(in: 5...faultSeconds, using: &random), act))
        }
    }

    /// What kind of run this is, in a few words.
    public var outline: String {
        let flaws = natures.map { "\($0.flaw)" }.joined(separator: ", ")
        return "\(nodeCount) nodes, \(degree) connections each, rings \(ringShares), versions \(flaws), "
            + "\(faults.count) faults, \(acts.count) acts, \(lossPerMillion) of a million frames lost"
    }
}

extension VersionNature {
    static func random(_ random: inout SplitMix64) -> VersionNature {
        guard Bool.random(using: &random) else { return VersionNature() }
        let flaw = Flaw.allCases.randomElement(using: &random) ?? .none
        switch random.next() % 4 {
        case 0, 1: return VersionNature(flaw, .everywhere)
        case 2: return VersionNature(flaw, .share(Int.random(in: 30...600, using: &random)))
        default: return VersionNature(flaw, .fromRing(2))
        }
    }
}
