import Rollout
import Testing
import Units

/// One node, up to three processes, and six versions of which some are bad in some way; anything may happen at any
/// time, the agent's end included.
private struct TrialChaos {
    /// What is wrong with a version, if anything.
    enum Nature: UInt64 { case good, doesNotLoad, isWrong, failsRequests, killsAtLoad, killsLater }

    struct Process {
        var active: Digest?
        var resident: Set<Digest> = []
        var passed: Set<Digest> = []
        var counts = RolloutCounts(requests: 0, errors: 0)
    }

    var random: SplitMix64
    var now = Instant.zero
    var rollout: Rollout
    var processes: [RolloutInstance: Process] = [:]
    var pending: [RolloutEvent] = []
    var violations: [String] = []
    /// What a disk would hold.
    var kept = RolloutTrials()
    private var unkept: RolloutTrials?
    private var nextNumber: UInt64 = 1
    private var everServed: Set<Digest> = [v1.digest]
    private var setAsideSince: Set<Digest> = []
    let versions: [RolloutVersion]
    let natures: [Digest: Nature]

    init(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        versions = (2...7).map { number in
            RolloutVersion(
                digest: version(number).digest, tag: version(number).tag,
                trial: RolloutTrial(isCalibrated: true, watch: .seconds(60), errorShareMax: 0.1))
        }
        var natures: [Digest: Nature] = [v1.digest: .good]
        for version in versions { natures[version.digest] = Nature(rawValue: random.next() % 8) ?? .good }
        self.natures = natures
        self.random = random
        rollout = Rollout(model: modelName, restored: RolloutMemory(current: v1, hadProcess: true))
    }

    mutating func feed(_ event: RolloutEvent) {
        rollout.handle(event, now: now)
        var effects: [RolloutEffect] = []
        while let effect = rollout.nextEffect() { effects.append(effect) }
        for effect in effects { carryOut(effect) }
    }

    private mutating func carryOut(_ effect: RolloutEffect) {
        switch effect {
        case .load(let instance, let version, _):
            mayBegin(version, "load")
            load(version.digest, on: instance)
        case .check(let instance, let version, _, _): check(version.digest, on: instance)
        case .activate(let instance, let version, let expected, _):
            mayBegin(version, "switch")
            activate(version, on: instance, expecting: expected)
        case .release(let instance, let digest): release(digest, on: instance)
        case .keepTrials(let trials): unkept = trials
        case .note(.setAside(let digest, _)): setAsideSince.insert(digest)
        case .wakeAt(let moment): if moment <= now { violations.append("a wake-up in the past") }
        case .setCurrent, .rememberProcess, .note: break
        }
    }

    private mutating func mayBegin(_ version: RolloutVersion, _ step: String) {
        if setAsideSince.contains(version.digest) { violations.append("\(step) of what was set aside") }
        let isCounted = (kept.tries[version.digest] ?? 0) >= 1
        if version != v1, !isCounted, !everServed.contains(version.digest) {
            violations.append("\(step) before the try is durable")
        }
    }

    private mutating func load(_ digest: Digest, on instance: RolloutInstance) {
        guard processes[instance] != nil else { return }
        switch natures[digest] {
        case .doesNotLoad: pending.append(.loadFailed(instance, digest, fault("it does not load")))
        case .killsAtLoad: die(instance)
        default:
            processes[instance]?.resident.insert(digest)
            pending.append(.loaded(instance, digest))
        }
    }

    private mutating func check(_ digest: Digest, on instance: RolloutInstance) {
        guard processes[instance]?.resident.contains(digest) == true else { return }
        guard natures[digest] != .isWrong else {
            return pending.append(.checkFailed(instance, digest, fault("a gate says no")))
        }
        processes[instance]?.passed.insert(digest)
        pending.append(.checked(instance, digest))
    }

    private mutating func activate(
        _ version: RolloutVersion, on instance: RolloutInstance, expecting expected: Digest?
    ) {
        guard let process = processes[instance] else { return }
        let digest = version.digest
        if version.trial.isCalibrated, !process.passed.contains(digest), !rollout.history.contains(version),
            rollout.current != version
        {
            violations.append("switch to what did not pass here")
        }
        guard process.active == expected || process.active == digest else {
            return pending.append(.activateFailed(instance, digest, .conflict(active: process.active)))
        }
        guard process.resident.contains(digest) else {
            return pending.append(.activateFailed(instance, digest, .notResident))
        }
        processes[instance]?.active = digest
        everServed.insert(digest)
        pending.append(.activated(instance, digest))
        if let expected, expected != digest { pending.append(.drained(instance, expected)) }
    }

    private mutating func release(_ digest: Digest, on instance: RolloutInstance) {
        guard let process = processes[instance], process.active != digest else { return }
        processes[instance]?.resident.remove(digest)
        processes[instance]?.passed.remove(digest)
        pending.append(.released(instance, digest))
    }

    private mutating func die(_ instance: RolloutInstance, inOrder: Bool = false) {
        guard processes.removeValue(forKey: instance) != nil else { return }
        pending.append(.detached(instance, inOrder: inOrder))
    }

    private mutating func connect() {
        let instance = RolloutInstance(nextNumber)
        nextNumber += 1
        processes[instance] = Process()
        feed(.attached(instance, .init()))
    }

    /// Requests of the last seconds, and what they say.
    private mutating func serveRequests() {
        for instance in processes.keys.sorted() {
            guard let active = processes[instance]?.active else { continue }
            processes[instance]?.counts.requests += 20
            if natures[active] == .failsRequests { processes[instance]?.counts.errors += 10 }
            if natures[active] == .killsLater { die(instance) }
        }
        for instance in processes.keys.sorted() {
            feed(.reported(instance, active: processes[instance]?.active, processes[instance]?.counts))
        }
    }

    private mutating func writeTrials() {
        guard let trials = unkept else { return }
        unkept = nil
        kept = trials
        feed(.trialsKept(revision: trials.revision))
    }

    /// The agent ends without a word and comes back with what its disk holds; the processes serve on.
    private mutating func restartAgent() {
        let memory = RolloutMemory(
            current: rollout.current, previous: rollout.history, hadProcess: true, trials: kept)
        setAsideSince = Set(kept.setAside.map(\.digest))
        unkept = nil
        pending = []
        let wish = rollout.desired
        rollout = Rollout(model: modelName, restored: memory)
        for version in versions { feed(.available(version)) }
        feed(.desired(wish))
        let running = processes.sorted { $0.key < $1.key }.map(\.value)
        processes = [:]
        for process in running {
            let instance = RolloutInstance(nextNumber)
            nextNumber += 1
            processes[instance] = process
            feed(.attached(instance, .init(active: process.active, resident: process.resident.sorted())))
        }
    }

    mutating func step() {
        switch random.next() % 20 {
        case 0 where processes.count < 3: connect()
        case 1: processes.keys.sorted().first.map { die($0, inOrder: random.next() % 2 == 0) }
        case 2, 3: feed(.desired(versions[Int(random.next() % UInt64(versions.count))]))
        case 4: restartAgent()
        case 5, 6: writeTrials()
        case 7: pass(.milliseconds(Int(random.next() % 20_000)))
        case 8, 9: serveRequests()
        default: if !pending.isEmpty { feed(pending.removeFirst()) }
        }
    }

    /// Whoever serves something bad shows it before time passes.
    private mutating func pass(_ time: Duration) {
        for _ in 0..<2 {
            serveRequests()
            while !pending.isEmpty { feed(pending.removeFirst()) }
        }
        now = now + time
        feed(.timerFired)
    }

    /// No more disturbances; everything that is under way comes to its end.
    mutating func settle() {
        for _ in 0..<40 {
            writeTrials()
            while !pending.isEmpty { feed(pending.removeFirst()) }
            if processes.isEmpty { connect() }
            serveRequests()
            pass(.seconds(21))
        }
    }

    /// Everything that is bad is known by now, or was never wished for long enough.
    mutating func finish(wish: RolloutVersion) {
        feed(.desired(wish))
        feed(.retry(nil))
        setAsideSince = []
        settle()
    }
}

@Suite struct TrialRandomTests {
    @Test(arguments: 0..<100 as Range<UInt64>)
    func goodVersionsComeToServeAndBadOnesDoNotStay(seed: UInt64) {
        var chaos = TrialChaos(seed: seed)
        for version in chaos.versions { chaos.feed(.available(version)) }
        for _ in 0..<600 { chaos.step() }
        chaos.settle()
        for wish in chaos.versions {
            chaos.finish(wish: wish)
            let served = Set(chaos.processes.values.map(\.active))
            if chaos.natures[wish.digest] == .good {
                #expect(served == [wish.digest], "seed \(seed)")
                #expect(chaos.rollout.current == wish, "seed \(seed)")
                #expect(chaos.rollout.error(of: wish.digest) == nil, "seed \(seed)")
            } else {
                #expect(!served.contains(wish.digest), "seed \(seed)")
                #expect(chaos.rollout.state(of: wish.digest) == .failed, "seed \(seed)")
            }
        }
        #expect(chaos.violations == [], "seed \(seed)")
    }
}
