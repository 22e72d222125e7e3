internal import EventLoop
internal import Handoff
internal import Logging
internal import Manifest
internal import Rollout
internal import Store
internal import Trust
internal import Units

/// Runs one state machine for each model: what should be served here, and each step of a switch.
///
/// Effects become commands to inference processes and moves of `current`; what
/// processes and the store say becomes events.
@LoopActor
final class RolloutDriver {
    private(set) var machines: [ModelName: RolloutMachine] = [:]
    private var server: HandoffServer?
    private var processes: [RolloutInstance: (handle: HandoffInstance, model: ModelName)] = [:]
    private var alarms: [ModelName: LoopTimer] = [:]
    private var inbox: [(ModelName, RolloutEvent)] = []
    private var isRunning = false
    private var moves: [(ModelName, RolloutVersion)] = []
    private let store: Store
    private let library: Library
    private let settings: SettingsFile
    private let servedModels: Set<ModelName>
    private let jobs: Jobs
    private let log: Logger

    init(
        store: Store, library: Library, settings: SettingsFile, servedModels: [ModelName], jobs: Jobs, log: Logger
    ) {
        self.store = store
        self.library = library
        self.settings = settings
        self.servedModels = Set(servedModels)
        self.jobs = jobs
        self.log = log
    }

    /// Opens the hand-off socket.
    func listen(path: String, rules: [HandoffRule]) throws(LoopError) {
        server = try HandoffServer(path: path, allow: rules) { [weak self] in self?.receive($0) }
    }

    /// Processes serve on; they are told that the agent ends.
    func close() {
        server?.close()
        for alarm in alarms.values { alarm.close() }
    }

    /// What a model should run from now on; nil for nothing.
    func desire(_ entry: LibraryEntry?, for model: ModelName) { handle(.desired(entry.map(version(of:))), for: model) }

    /// A version is complete and durable here.
    func noteAvailable(_ entry: LibraryEntry) { handle(.available(version(of: entry)), for: entry.model) }

    /// A version is damaged or gone.
    func noteUnavailable(_ digest: Digest, of model: ModelName) { handle(.unavailable(digest), for: model) }

    /// A version may not be switched to, or may be again.
    func noteDenied(_ digest: Digest, of model: ModelName, isDenied: Bool) {
        handle(isDenied ? .denied(digest) : .allowed(digest), for: model)
    }

    /// Variants that an inference process serves or has in memory.
    var heldVariants: Set<VariantKey> {
        let served = machines.values.flatMap { $0.servings.map(\.digest) }
        let resident = server?.instances.flatMap { $0.hello.resident + [$0.report.active].compactMap(\.self) } ?? []
        return Set((served + resident).compactMap { library.entries[$0]?.key })
    }

    /// Hands an event in, and carries out what follows.
    func handle(_ event: RolloutEvent, for model: ModelName) {
        inbox.append((model, event))
        guard !isRunning else { return }
        isRunning = true
        while !inbox.isEmpty {
            let (model, event) = inbox.removeFirst()
            var machine = machines[model] ?? makeMachine(model)
            machine.handle(event, now: Clock.now())
            var effects: [RolloutEffect] = []
            while let effect = machine.nextEffect() { effects.append(effect) }
            machines[model] = machine
            for effect in effects { run(effect, for: model) }
        }
        isRunning = false
    }

    private func makeMachine(_ model: ModelName) -> RolloutMachine {
        let hadProcess = settings.value.served.contains(model.text)
        func remembered(_ key: VariantKey?) -> RolloutVersion? {
            key.map {
                RolloutVersion(
                    digest: $0.version, variant: $0.variant, tag: library.entries[$0.version]?.manifest?.value.tag)
            }
        }
        let memory = RolloutMemory(
            current: remembered(store.current(model)), previous: [remembered(store.previous(model))].compactMap(\.self),
            hadProcess: hadProcess)
        return RolloutMachine(
            model: model, settings: RolloutSettings(awaitsProcess: servedModels.contains(model)), restored: memory)
    }

    private func version(of entry: LibraryEntry) -> RolloutVersion {
        RolloutVersion(digest: entry.digest, variant: entry.variant, tag: entry.manifest?.value.tag)
    }

    // MARK: Effects

    private func run(_ effect: RolloutEffect, for model: ModelName) {
        switch effect {
        case .load(let instance, let version, let deadline): load(version, into: instance, deadline, model)
        case .activate(let instance, let version, let expected, let deadline):
            guard let process = processes[instance] else { return }
            server?.activate(
                process.handle, version.digest, tag: version.tag, expecting: expected, within: deadline)
        case .release(let instance, let digest):
            if let process = processes[instance] { server?.release(process.handle, digest) }
        case .setCurrent(let version): moveCurrent(to: version, model)
        case .rememberProcess: remember(model)
        case .wakeAt(let moment): wake(model, at: moment)
        case .note(let note): log.notice("\(note)", metadata: ["model": "\(model)"])
        }
    }

    /// Re-hashes the files right before the load: the page cache has them.
    private func load(
        _ version: RolloutVersion, into instance: RolloutInstance, _ deadline: Duration, _ model: ModelName
    ) {
        let key = VariantKey(version: version.digest, variant: version.variant)
        jobs.start("load \(model) \(instance) \(version.digest.short)") { [self] in
            do {
                let report = try await store.verify(key, .files)
                guard report.isIntact, let folder = store.committed(key)?.folder else {
                    handle(
                        .loadFailed(instance, version.digest, reason: "its files are damaged; see `shoal verify`"),
                        for: model)
                    return handle(.unavailable(version.digest), for: model)
                }
                let load = HandoffLoad(
                    digest: version.digest, tag: version.tag, variant: version.variant, path: folder, deadline: deadline
                )
                if let process = processes[instance] { server?.load(process.handle, load) }
            } catch {
                handle(.loadFailed(instance, version.digest, reason: "\(error)"), for: model)
            }
        }
    }

    private func moveCurrent(to version: RolloutVersion, _ model: ModelName) {
        moves.append((model, version))
        jobs.start("current") { [self] in
            while !moves.isEmpty {
                let (model, version) = moves.removeFirst()
                do {
                    try await store.setCurrent(model, VariantKey(version: version.digest, variant: version.variant))
                    log.notice("current moved", metadata: ["model": "\(model)", "version": "\(version.digest.short)"])
                } catch {
                    handle(.setCurrentFailed(version.digest, reason: "\(error)"), for: model)
                }
            }
        }
    }

    private func remember(_ model: ModelName) {
        jobs.start("remember \(model)") { [settings, log] in
            do {
                try await settings.change { $0.served = Set($0.served + [model.text]).sorted() }
            } catch {
                log.error("it could not be noted that \(model) has an inference process: \(error)")
            }
        }
    }

    private func wake(_ model: ModelName, at moment: Instant) {
        let alarm = alarms[model] ?? LoopTimer { [weak self] in self?.handle(.timerFired, for: model) }
        alarms[model] = alarm
        alarm.start(after: max(.zero, moment - Clock.now()))
    }

    // MARK: Events of processes

    private func receive(_ event: HandoffEvent) {
        switch event {
        case .attached(let instance, let hello):
            processes[RolloutInstance(instance.number)] = (instance, hello.model)
            log.notice("an inference process came", metadata: ["model": "\(hello.model)", "name": "\(hello.name)"])
            let said = RolloutHello(active: hello.active, resident: hello.resident, canLoadBeside: hello.canLoadBeside)
            tell(instance) { .attached($0, said) }
        case .detached(let instance, let reason):
            log.notice("an inference process went: \(reason)")
            tell(instance) { .detached($0) }
            processes[RolloutInstance(instance.number)] = nil
        case .reported(let instance, let report): tell(instance) { .reported($0, active: report.active) }
        case .progressed: break
        case .loaded(let instance, let digest): tell(instance) { .loaded($0, digest) }
        case .loadFailed(let instance, let digest, let failure):
            tell(instance) { .loadFailed($0, digest, reason: failure.description) }
        case .activated(let instance, let digest): tell(instance) { .activated($0, digest) }
        case .activateFailed(let instance, let digest, let failure):
            tell(instance) { .activateFailed($0, digest, Self.reason(failure)) }
        case .drained(let instance, let digest): tell(instance) { .drained($0, digest) }
        case .released(let instance, let digest): tell(instance) { .released($0, digest) }
        case .refused(_, let failure): log.warning("an inference process was refused: \(failure)")
        }
    }

    private func tell(_ instance: HandoffInstance, _ event: (RolloutInstance) -> RolloutEvent) {
        let number = RolloutInstance(instance.number)
        guard let model = processes[number]?.model else { return }
        handle(event(number), for: model)
    }

    private static func reason(_ failure: HandoffFailure) -> RolloutActivateFailure {
        switch failure.code {
        case .conflict: .conflict(active: failure.active)
        case .notResident: .notResident
        default: .other(reason: failure.description)
        }
    }
}
