import Rollout
import Testing
import Units

/// Processes that fail, die, hang and hold several versions, or serve what they load, drawn from a seed. First anything
/// may happen and only safety is checked; then the faults end, and all must come to serve the wish.
struct Chaos {
    struct Process {
        var active: Digest?
        var resident: Set<Digest> = []
        /// A server behind an adapter that holds one version.
        var replaces = false
    }

    var random: SplitMix64
    var rollout: Rollout
    var now = Instant.zero
    var processes: [RolloutInstance: Process] = [:]
    var loaded: [RolloutInstance: Set<Digest>] = [:]
    var pending: [RolloutEvent] = []
    var onDisk: Set<Digest> = []
    var denied: Set<Digest> = []
    var everCurrent: Set<Digest> = []
    var isFaulty = true
    var nextNumber: UInt64 = 1
    var violations: [String] = []
    /// What was done, to compare two runs of one seed.
    var trace = ""

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
        rollout = Rollout(model: modelName, settings: .init(awaitsProcess: true))
    }

    mutating func feed(_ event: RolloutEvent) {
        rollout.handle(event, now: now)
        while let effect = rollout.nextEffect() {
            trace += "\(effect)\n"
            carryOut(effect)
        }
    }

    private mutating func carryOut(_ effect: RolloutEffect) {
        switch effect {
        case .load(let instance, let version, _): load(version.digest, on: instance)
        case .activate(let instance, let version, let expected, _):
            activate(version.digest, on: instance, expecting: expected)
        case .release(let instance, let digest): release(digest, on: instance)
        case .setCurrent(let version):
            let served = processes.values.map(\.active)
            if !served.allSatisfy({ $0 == version.digest }) { violations.append("current \(version) of \(served)") }
            everCurrent.insert(version.digest)
        case .wakeAt(let moment): if moment <= now { violations.append("a wake-up in the past") }
        case .rememberProcess, .note, .check, .keepTrials: break
        }
    }

    private mutating func load(_ digest: Digest, on instance: RolloutInstance) {
        if !onDisk.contains(digest) { violations.append("load of what is not on disk") }
        if denied.contains(digest), !everCurrent.contains(digest) { violations.append("load of a denied version") }
        guard let process = processes[instance] else { return }
        if process.replaces { return replace(with: digest, on: instance) }
        switch isFaulty ? random.next() % 4 : 3 {
        case 0: pending.append(.loadFailed(instance, digest, fault("chance")))
        case 1: break  // It hangs.
        case 2: die(instance)
        default:
            processes[instance]?.resident.insert(digest)
            pending.append(.loaded(instance, digest))
        }
    }

    /// What it serves is said before what became of the load.
    private mutating func replace(with digest: Digest, on instance: RolloutInstance) {
        switch isFaulty ? random.next() % 6 : 5 {
        case 0: pending.append(.loadFailed(instance, digest, fault("chance")))
        case 1: break  // It hangs.
        case 2: die(instance)
        case 3:
            // Neither the new version nor the old one came up.
            processes[instance]?.active = nil
            processes[instance]?.resident = []
            pending.append(.reported(instance, active: nil, nil))
            pending.append(.loadFailed(instance, digest, fault("chance")))
        default:
            processes[instance]?.active = digest
            processes[instance]?.resident = [digest]
            pending.append(.reported(instance, active: digest, nil))
            pending.append(.loaded(instance, digest))
        }
    }

    private mutating func activate(_ digest: Digest, on instance: RolloutInstance, expecting expected: Digest?) {
        if denied.contains(digest), !everCurrent.contains(digest) { violations.append("switch to a denied version") }
        guard let process = processes[instance] else { return }
        if isFaulty, random.next() % 6 == 0 { return die(instance) }
        if process.active != expected, process.active != digest {
            return pending.append(.activateFailed(instance, digest, .conflict(active: process.active)))
        }
        guard process.resident.contains(digest) else {
            return pending.append(.activateFailed(instance, digest, .notResident))
        }
        processes[instance]?.active = digest
        if isFaulty, random.next() % 6 == 0 { return }  // The reply is lost.
        pending.append(.activated(instance, digest))
        if let expected, expected != digest { pending.append(.drained(instance, expected)) }
    }

    private mutating func release(_ digest: Digest, on instance: RolloutInstance) {
        guard let process = processes[instance], process.active != digest else { return }
        processes[instance]?.resident.remove(digest)
        pending.append(.released(instance, digest))
    }

    private mutating func die(_ instance: RolloutInstance) {
        guard processes.removeValue(forKey: instance) != nil else { return }
        pending.append(.detached(instance, inOrder: false))
    }

    mutating func connect() {
        let instance = RolloutInstance(nextNumber)
        nextNumber += 1
        let replaces = random.next() % 3 == 0
        processes[instance] = Process(replaces: replaces)
        feed(.attached(instance, .init(loadReplaces: replaces)))
    }

    mutating func step() {
        let digests = [v1, v2, v3]
        let version = digests[Int(random.next() % 3)]
        switch random.next() % 16 {
        case 0 where processes.count < 3: connect()
        case 1: processes.keys.sorted().first.map { die($0) }
        case 2: feed(.desired(version))
        case 3:
            onDisk.insert(version.digest)
            feed(.available(version))
        case 4: changeDenial(of: version.digest)
        case 5...7:
            now = now + .milliseconds(Int(random.next() % 40_000))
            feed(.timerFired)
        case 8:
            for instance in processes.keys.sorted() {
                feed(.reported(instance, active: processes[instance]?.active, nil))
            }
        default: deliverOne()
        }
    }

    private mutating func changeDenial(of digest: Digest) {
        if denied.remove(digest) == nil {
            denied.insert(digest)
            feed(.denied(digest))
        } else {
            feed(.allowed(digest))
        }
    }

    private mutating func deliverOne() { if !pending.isEmpty { feed(pending.removeFirst()) } }

    /// No more faults: everything is delivered, time passes, and all denials are lifted.
    mutating func settle() {
        isFaulty = false
        for version in [v1, v2, v3] {
            onDisk.insert(version.digest)
            denied.remove(version.digest)
            feed(.available(version))
            feed(.allowed(version.digest))
        }
        while !pending.isEmpty { deliverOne() }
        if processes.isEmpty { connect() }
        feed(.desired(v3))
        for _ in 0..<200 {
            for instance in processes.keys.sorted() {
                feed(.reported(instance, active: processes[instance]?.active, nil))
            }
            while !pending.isEmpty { deliverOne() }
            now = now + .seconds(61)
            feed(.timerFired)
        }
    }
}

@Suite struct RolloutRandomTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func whateverHappensAllComeToServeTheWishAndNothingForbiddenIsDone(seed: UInt64) {
        var chaos = Chaos(seed: seed)
        for _ in 0..<400 { chaos.step() }
        chaos.settle()
        #expect(chaos.violations.isEmpty, "seed \(seed)")
        #expect(chaos.processes.values.allSatisfy { $0.active == v3.digest }, "seed \(seed)")
        #expect(chaos.processes.values.allSatisfy { $0.resident == [v3.digest] }, "seed \(seed)")
        #expect(chaos.rollout.current == v3, "seed \(seed)")
        #expect(chaos.rollout.state(of: v3.digest) == .serving, "seed \(seed)")
        #expect(chaos.rollout.error(of: v3.digest) == nil, "seed \(seed)")
    }

    @Test func oneSeedGivesOneRun() {
        func run() -> String {
            var chaos = Chaos(seed: 7)
            for _ in 0..<400 { chaos.step() }
            return chaos.trace
        }
        let first = run()
        #expect(first == run())
        #expect(!first.isEmpty)
    }
}
