import Rollout
import Units

/// A rollout under test, with what it asked for since the last look.
struct Stage {
    var rollout: Rollout
    var now: Instant
    /// What it asked for, without notes and wake-ups.
    private(set) var effects: [RolloutEffect] = []
    private(set) var notes: [RolloutNote] = []
    private(set) var wakeAt: Instant?

    init(settings: RolloutSettings = .init(), restored: RolloutMemory = .init()) {
        rollout = Rollout(model: modelName, settings: settings, restored: restored)
        now = .zero
    }

    /// Sends the events one by one; the effects of all of them, in order.
    @discardableResult
    mutating func send(_ events: RolloutEvent...) -> [RolloutEffect] {
        effects = []
        notes = []
        for event in events {
            rollout.handle(event, now: now)
            while let effect = rollout.nextEffect() { sort(effect) }
        }
        return effects
    }

    /// What a shell does with trials to keep: makes them durable at once. The other effects.
    @discardableResult
    mutating func play(_ events: RolloutEvent...) -> [RolloutEffect] {
        var waiting = events
        var others: [RolloutEffect] = []
        while !waiting.isEmpty {
            for effect in send(waiting.removeFirst()) {
                if case .keepTrials(let trials) = effect {
                    waiting.insert(.trialsKept(revision: trials.revision), at: 0)
                } else {
                    others.append(effect)
                }
            }
        }
        return others
    }

    @discardableResult
    mutating func pass(_ time: Duration) -> [RolloutEffect] {
        now = now + time
        return send(.timerFired)
    }

    private mutating func sort(_ effect: RolloutEffect) {
        switch effect {
        case .note(let note): notes.append(note)
        case .wakeAt(let moment): wakeAt = moment
        default: effects.append(effect)
        }
    }

    /// A stage on which version 1 is served by one process, `a`.
    static func servingFirst(also instances: RolloutInstance...) -> Stage {
        var stage = Stage(restored: .init(current: v1, previous: [], hadProcess: true))
        stage.send(.desired(v1))
        for instance in [a] + instances {
            stage.send(.attached(instance, .init(active: v1.digest, resident: [v1.digest])))
        }
        return stage
    }

    /// Version 2 appears and is wished for.
    @discardableResult
    mutating func wishSecond() -> [RolloutEffect] { send(.available(v2), .desired(v2)) }
}

let modelName = ModelName("acme/words") ?? { preconditionFailure("a name") }()
let a = RolloutInstance(1)
let b = RolloutInstance(2)
let again = RolloutInstance(3)
let v1 = version(1)
let v2 = version(2)
let v3 = version(3)

func version(_ number: UInt8) -> RolloutVersion {
    RolloutVersion(digest: Digest(exactly: Array(repeating: number, count: 32)), tag: Tag("\(number)"))
}

func load(_ version: RolloutVersion, on instance: RolloutInstance = a) -> RolloutEffect {
    .load(instance, version, within: .seconds(120))
}

func activate(
    _ version: RolloutVersion, expecting: RolloutVersion?, on instance: RolloutInstance = a
) -> RolloutEffect {
    .activate(instance, version, expecting: expecting?.digest, within: .seconds(10))
}

func release(_ version: RolloutVersion, on instance: RolloutInstance = a) -> RolloutEffect {
    .release(instance, version.digest)
}

func fault(_ reason: String) -> RolloutFault { RolloutFault(reason, isTheVersions: true) }
