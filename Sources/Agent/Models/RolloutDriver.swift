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
    private(set) var machines: [ModelName: Rollout] = [:]
    var server: HandoffRouter?
    var processes: [RolloutInstance: (handle: HandoffInstance, model: ModelName)] = [:]
    private var alarms: [ModelName: LoopTimer] = [:]
    private var inbox: [(ModelName, RolloutEvent)] = []
    private var isRunning = false
    private var moves: [(ModelName, RolloutVersion)] = []
    private var unkeptTrials: [ModelName: RolloutTrials] = [:]
    /// Loads whose files are being re-hashed, by number: the process has not heard of them yet.
    private var preparing: [UInt64: (instance: RolloutInstance, digest: Digest)] = [:]
    private var loadCount: UInt64 = 0
    /// Names the jobs of calibrations.
    var checkCount: UInt64 = 0
    let calibrations: Calibrations
    private let store: Store
    private let trust: Trust
    private let library: Library
    private let settings: SettingsFile
    private let servedModels: Set<ModelName>
    private let adapters: [AdapterRule]
    private let switching: RolloutSettings
    let jobs: Jobs
    private let log: Logger

    init(
        store: Store, trust: Trust, library: Library, settings: SettingsFile, configuration: AgentConfiguration,
        calibrations: Calibrations, jobs: Jobs, log: Logger
    ) {
        self.calibrations = calibrations
        self.store = store
        self.trust = trust
        self.library = library
        self.settings = settings
        servedModels = Set(configuration.servedModels)
        adapters = configuration.adapters
        switching = configuration.switching
        self.jobs = jobs
        self.log = log
    }

    /// Opens the hand-off socket, and looks for the servers of the models that are known.
    func listen(path: String, rules: [HandoffRule]) throws(LoopError) {
        let surroundings = HandoffRouter.Surroundings(statePath: store.folder) { [jobs] name, work in
            jobs.start(name, work)
        }
        let server = try HandoffRouter(path: path, allow: rules, adapters: adapters, in: surroundings) { [weak self] in
            self?.receive($0)
        }
        self.server = server
        for model in Set(machines.keys).union(servedModels).sorted() { server.open(model) }
    }

    /// Processes that came by themselves serve on, and are told that the agent ends; those that it started end.
    func close() async {
        for alarm in alarms.values { alarm.close() }
        alarms.removeAll()
        await server?.close()
    }

    /// What a model should run from now on; nil for nothing.
    func desire(_ entry: LibraryEntry?, for model: ModelName) { handle(.desired(entry.map(version(of:))), for: model) }

    /// What a channel's head goes back to, and what it keeps from this node.
    func guide(base: LibraryEntry?, withheld: Digest?, for model: ModelName) {
        handle(.guided(base: base.map(version(of:)), withheld: withheld), for: model)
    }

    /// A version is complete and durable here.
    func noteAvailable(_ entry: LibraryEntry) { handle(.available(version(of: entry)), for: entry.model) }

    /// A version is damaged or gone.
    func noteUnavailable(_ digest: Digest, of model: ModelName) { handle(.unavailable(digest), for: model) }

    /// A version may not be switched to, or may be again.
    func noteDenied(_ digest: Digest, of model: ModelName, isDenied: Bool) {
        handle(isDenied ? .denied(digest) : .allowed(digest), for: model)
    }

    /// An operator wants what failed tried again: one version, or all of the model's.
    func retry(_ digest: Digest?, of model: ModelName) { handle(.retry(digest), for: model) }

    /// Variants that an inference process serves or has in memory.
    var heldVariants: Set<VariantKey> {
        let served = machines.values.flatMap { $0.servings.map(\.digest) }
        let held = Set(served).union(server?.held ?? [])
        return Set(held.compactMap { library.entries[$0]?.key })
    }

    /// Hands an event in, and carries out what follows.
    func handle(_ event: RolloutEvent, for model: ModelName) {
        inbox.append((model, event))
        guard !isRunning else { return }
        isRunning = true
        while !inbox.isEmpty {
            let (model, event) = inbox.removeFirst()
            guard var machine = machines[model] else {
                machines[model] = makeMachine(model)
                inbox.insert(contentsOf: denials(of: model) + [(model, event)], at: 0)
                continue
            }
            machine.handle(event, now: Clock.now())
            var effects: [RolloutEffect] = []
            while let effect = machine.nextEffect() { effects.append(effect) }
            machines[model] = machine
            for effect in effects { run(effect, for: model) }
        }
        isRunning = false
    }

    private func makeMachine(_ model: ModelName) -> Rollout {
        let hadProcess = settings.value.served.contains(model.text)
        func remembered(_ key: VariantKey?) -> RolloutVersion? {
            key.map {
                let manifest = library.entries[$0.version]?.manifest?.value
                return RolloutVersion(
                    digest: $0.version, variant: $0.variant, tag: manifest?.tag,
                    trial: manifest.map(RolloutTrial.init(of:)) ?? .none)
            }
        }
        let memory = RolloutMemory(
            current: remembered(store.current(model)), previous: [remembered(store.previous(model))].compactMap(\.self),
            hadProcess: hadProcess, trials: settings.value.trials?[model.text]?.value ?? RolloutTrials())
        server?.open(model)
        var settings = switching
        settings.awaitsProcess = servedModels.contains(model) || adapters.contains { $0.covers(model) }
        return Rollout(model: model, settings: settings, restored: memory)
    }

    /// What a machine has to know before anything else: restarted, it must not go back to what was denied.
    private func denials(of model: ModelName) -> [(ModelName, RolloutEvent)] {
        trust.denyList.records.compactMap { record in
            guard case .version(model, let digest) = record.value.subject, record.value.state == .denied else {
                return nil
            }
            return (model, .denied(digest))
        }
    }

    /// Authority is judged under the newest root before each switch; what `current` names may always be loaded again.
    private func mayRun(_ digest: Digest, _ model: ModelName) -> Bool {
        if store.current(model)?.version == digest { return true }
        return trust.manifest(digest).map(trust.isStillEntitled) ?? false
    }

    private static let unentitled = RolloutFault(
        "the newest root of trust does not entitle its publisher", isTheVersions: false)

    private func version(of entry: LibraryEntry) -> RolloutVersion {
        let manifest = entry.manifest?.value
        return RolloutVersion(
            digest: entry.digest, variant: entry.variant, tag: manifest?.tag,
            trial: manifest.map(RolloutTrial.init(of:)) ?? .none)
    }

    // MARK: Effects

    private func run(_ effect: RolloutEffect, for model: ModelName) {
        switch effect {
        case .load(let instance, let version, let deadline): load(version, into: instance, deadline, model)
        case .check(let instance, let version, let beside, let deadline):
            check(version, on: instance, beside: beside, deadline, model)
        case .activate(let instance, let version, let expected, let deadline):
            guard let process = processes[instance] else { return }
            guard mayRun(version.digest, model) else {
                return handle(.activateFailed(instance, version.digest, .other(Self.unentitled)), for: model)
            }
            server?.activate(
                process.handle, version.digest, tag: version.tag, expecting: expected, within: deadline)
        case .release(let instance, let digest): release(digest, from: instance, model)
        case .setCurrent(let version): moveCurrent(to: version, model)
        case .rememberProcess: remember(model)
        case .keepTrials(let trials): keep(trials, of: model)
        case .wakeAt(let moment): wake(model, at: moment)
        case .note(let note):
            log.notice("\(note)", metadata: ["model": "\(model)"])
            if case .setAside(let digest, _) = note { server?.withdraw(digest, of: model) }
        }
    }

    /// Re-hashes the files right before the load: the page cache has them.
    private func load(
        _ version: RolloutVersion, into instance: RolloutInstance, _ deadline: Duration, _ model: ModelName
    ) {
        loadCount += 1
        let (number, key) = (loadCount, VariantKey(version: version.digest, variant: version.variant))
        preparing[number] = (instance, version.digest)
        jobs.start("load \(number)") { [self] in
            let fault = await fault(of: key)
            // Called off meanwhile, and answered then.
            guard preparing.removeValue(forKey: number) != nil else { return }
            if let fault {
                let reason = RolloutFault(fault.reason, isTheVersions: false)
                handle(.loadFailed(instance, version.digest, reason), for: model)
                if fault.isDamage { handle(.unavailable(version.digest), for: model) }
            } else if !mayRun(version.digest, model) {
                handle(.loadFailed(instance, version.digest, Self.unentitled), for: model)
            } else if let folder = store.committed(key)?.folder, let process = processes[instance] {
                let load = HandoffLoad(
                    digest: version.digest, tag: version.tag, variant: version.variant, path: folder, deadline: deadline
                )
                server?.load(process.handle, load)
            }
        }
    }

    /// What speaks against loading a variant now; nil if its files are as its publisher signed them.
    private func fault(of key: VariantKey) async -> (reason: String, isDamage: Bool)? {
        do {
            let report = try await store.verify(key, .files)
            guard report.isIntact, store.committed(key) != nil else {
                return ("its files are damaged; see `shoal verify`", true)
            }
            return nil
        } catch {
            return ("\(error)", false)
        }
    }

    /// A load that the process has not heard of is answered here.
    private func release(_ digest: Digest, from instance: RolloutInstance, _ model: ModelName) {
        if let load = preparing.first(where: { $0.value == (instance, digest) }) {
            preparing[load.key] = nil
            handle(.loadFailed(instance, digest, RolloutFault("called off", isTheVersions: false)), for: model)
            return handle(.released(instance, digest), for: model)
        }
        if let process = processes[instance] { server?.release(process.handle, digest) }
    }

    private func moveCurrent(to version: RolloutVersion, _ model: ModelName) {
        moves.append((model, version))
        jobs.start("current") { [self] in
            while !moves.isEmpty {
                let (model, version) = moves.removeFirst()
                let isServed = machines[model]?.servings.contains { $0.digest == version.digest } ?? false
                guard isServed || mayRun(version.digest, model) else {
                    handle(.setCurrentFailed(version.digest, reason: Self.unentitled.reason), for: model)
                    continue
                }
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

    /// What is known of trials is durable before anything is tried on the strength of it.
    private func keep(_ trials: RolloutTrials, of model: ModelName) {
        unkeptTrials[model] = trials
        jobs.start("trials") { [self] in
            while let (model, trials) = unkeptTrials.first {
                do {
                    try await settings.change { $0.keep(StoredTrials(trials), of: model) }
                } catch {
                    log.error("what is known of failed versions cannot be kept, so none is tried: \(error)")
                    try? await Task.sleep(for: .seconds(Limits.rolloutRetrySecondsMax))
                    guard !Task.isCancelled else { return }
                    continue
                }
                if unkeptTrials[model] == trials { unkeptTrials[model] = nil }
                handle(.trialsKept(revision: trials.revision), for: model)
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
            let said = RolloutHello(
                active: hello.active, resident: hello.resident, canLoadBeside: hello.canLoadBeside,
                canCalibrate: hello.canCalibrate, loadReplaces: hello.loadReplaces)
            tell(instance) { .attached($0, said) }
        case .detached(let instance, let inOrder, let reason):
            log.notice("an inference process went: \(reason)")
            tell(instance) { .detached($0, inOrder: inOrder) }
            processes[RolloutInstance(instance.number)] = nil
        case .reported(let instance, let report):
            tell(instance) { .reported($0, active: report.active, RolloutCounts(report)) }
        case .progressed: break
        case .loaded(let instance, let digest, let memory):
            if let fault = calibrations.fault(ofMemory: memory, of: digest) {
                tell(instance) { .loadFailed($0, digest, fault) }
                server?.release(instance, digest)
            } else {
                tell(instance) { .loaded($0, digest) }
            }
        case .loadFailed(let instance, let digest, let failure):
            tell(instance) { .loadFailed($0, digest, RolloutFault(failure)) }
        case .calibrated(let instance, let digest, let report): judge(report, of: digest, on: instance)
        case .calibrationFailed(let instance, let digest, let failure):
            checkCount += 1
            jobs.start("judge \(checkCount)") { [calibrations] in await calibrations.end(instance) }
            tell(instance) { .checkFailed($0, digest, RolloutFault(failure)) }
        case .activated(let instance, let digest): tell(instance) { .activated($0, digest) }
        case .activateFailed(let instance, let digest, let failure):
            tell(instance) { .activateFailed($0, digest, Self.reason(failure)) }
        case .drained(let instance, let digest): tell(instance) { .drained($0, digest) }
        case .released(let instance, let digest): tell(instance) { .released($0, digest) }
        case .refused(_, let failure): log.warning("an inference process was refused: \(failure)")
        case .noted(let model, let words): log.notice("\(words)", metadata: ["model": "\(model)"])
        }
    }

    func tell(_ instance: HandoffInstance, _ event: (RolloutInstance) -> RolloutEvent) {
        let number = RolloutInstance(instance.number)
        guard let model = processes[number]?.model else { return }
        handle(event(number), for: model)
    }

    private static func reason(_ failure: HandoffFailure) -> RolloutActivateFailure {
        switch failure.code {
        case .conflict: .conflict(active: failure.active)
        case .notResident: .notResident
        default: .other(RolloutFault(failure))
        }
    }
}
