internal import Crypto
internal import EventLoop
internal import Fleet
internal import Handoff
internal import Logging
internal import Manifest
internal import Rollout
internal import Store
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// One agent: makes the parts, connects them, and decides what follows from what they say.
@LoopActor
final class Agent {
    let configuration: AgentConfiguration
    let trust: Trust
    let store: Store
    let settings: SettingsFile
    let switchboard: Switchboard
    let driver: ChunkDriver
    let exchange: DocumentExchange
    let fetcher: DocumentFetcher
    let book: FetchBook
    let library: Library
    let channels: Channels
    let rollouts: RolloutDriver
    let directory = NeighbourDirectory()
    let dialler: Dialler
    let finder: Finder
    let traffic: TrafficControl
    let disk: DiskKeeper
    let spaces = SpaceBoard()
    let partFetches: PartFetches
    let scrubber: Scrubber
    private(set) lazy var fleet = FleetDriver(
        trust: trust, switchboard: switchboard, settings: settings, jobs: jobs, log: log
    ) { [weak self] in self.map { StatusComposer(agent: $0) } }
    let history: ServingHistory
    let jobs = Jobs()
    let log: Logger
    let startedAt = Clock.wallTime()
    /// Rings when a neighbour has told what it knows of a model.
    let learningBell = Bell()
    /// One publication at a time is judged.
    let publishing = SerialGate()
    private let contexts: TLSContexts
    private var announcedModels: [ModelName] = []
    private var renewalTimer: LoopTimer?
    /// Models of which what is offered may have to change.
    private var modelsToOffer: Set<ModelName> = []

    init(_ parts: Parts) throws {
        configuration = parts.configuration
        trust = parts.trust
        store = parts.store
        settings = parts.settings
        log = parts.log
        contexts = try TLSContexts(trust)
        let joining = JoinService(trust: trust, jobs: jobs, log: log)
        switchboard = Switchboard(
            identity: trust.identity, contexts: contexts, joining: joining, log: log)
        var generator = SystemRandomNumberGenerator()
        let core = Swarm(
            node: trust.identity.node, labels: configuration.labels, limits: parts.limits, seed: generator.next())
        driver = ChunkDriver(core: core, store: store, switchboard: switchboard, jobs: jobs, log: log)
        exchange = DocumentExchange(trust: trust, switchboard: switchboard, jobs: jobs, log: log)
        fetcher = DocumentFetcher(exchange: exchange, driver: driver, switchboard: switchboard, trust: trust)
        book = FetchBook(driver: driver, directory: directory, log: log)
        library = Library(
            store: store, trust: trust, driver: driver, fetcher: fetcher, book: book,
            preference: VariantPreference(hardware: parts.hardware, configured: configuration.variants), jobs: jobs,
            log: log)
        channels = Channels(settings: settings, trust: trust, labels: configuration.labels)
        rollouts = RolloutDriver(
            store: store, trust: trust, library: library, settings: settings, configuration: configuration,
            calibrations: try Calibrations(statePath: parts.statePath, store: store, library: library, log: log),
            jobs: jobs, log: log)
        let peers =
            configuration.peers + settings.value.peers.compactMap { HostPort($0, defaultPort: Limits.defaultPort) }
        dialler = Dialler(peers: peers.unique, switchboard: switchboard, jobs: jobs)
        finder = Finder(switchboard: switchboard)
        traffic = TrafficControl(configuration, settings: settings, log: log)
        disk = DiskKeeper(
            store: store, trust: trust, library: library, rollouts: rollouts, limits: configuration.disk, jobs: jobs,
            log: log
        ) { [channels, settings] in
            let named = settings.value.wanted + settings.value.fetched.values
            return Set(channels.wanted.map(\.version) + named.compactMap { Digest(hex: $0) })
        }
        partFetches = PartFetches(store: store, driver: driver, disk: disk, jobs: jobs)
        scrubber = Scrubber(
            store: store, days: configuration.scrubDays, jobs: jobs, log: log,
            isReady: { [library] in
                library.entries[$0.version]?.phase == .ready && !library.isRepairing($0.version)
            }, onIntact: { [library] in library.offerAgain($0.version) })
        history = ServingHistory(statePath: parts.statePath, jobs: jobs, log: log)
        connect()
        driver.handle(.peersConfigured(count: dialler.peerCount))
    }

    /// What an agent is made of before it runs.
    struct Parts {
        let statePath: String
        let configuration: AgentConfiguration
        let trust: Trust
        let store: Store
        let settings: SettingsFile
        let log: Logger
        var hardware = Hardware()
        var limits = SwarmLimits()
    }

    /// Opens the sockets, takes up what is on disk, and begins.
    func start(handoffPath: String) async throws {
        traffic.review()
        await history.open()
        try switchboard.listen(on: configuration.listen)
        await library.open()
        let known = Set(channels.followed.map(\.model) + library.entries.values.map(\.model))
        for model in known.sorted() { review(model) }
        resumeFetches()
        removeLeftovers()
        // Processes come once it is known what is here, or their first loads would fail.
        let rules =
            configuration.handoffRules.isEmpty
            ? HandoffRule.defaults(agentUserID: Self.userID) : configuration.handoffRules
        try rollouts.listen(path: handoffPath, rules: rules)
        startRenewal()
        disk.start()
        scrubber.start()
        fleet.start()
    }

    /// Tells the neighbours, stops everything, and writes what is only in memory.
    func stop() async {
        jobs.stop()
        renewalTimer?.close()
        fleet.close()
        disk.close()
        scrubber.close()
        switchboard.close()
        traffic.close()
        await rollouts.close()
        driver.close()
        await history.close()
        await store.close()
    }

    /// Looks at what a model should run, and at what has to be fetched for it.
    func review(_ model: ModelName) {
        for channel in channels.followed where channel.model == model {
            for version in channels.versions(of: channel) { library.want(version, of: model) }
        }
        let guide = channels.deciding(for: model).map { channels.guide(of: $0) } ?? (base: nil, withheld: nil)
        rollouts.guide(base: guide.base.flatMap { library.entries[$0] }, withheld: guide.withheld, for: model)
        rollouts.desire(desired(model), for: model)
        awaitFlip(of: model)
    }

    /// Looks again when a head says that its nodes switch.
    private func awaitFlip(of model: ModelName) {
        guard let moment = channels.nextChange(of: model) else { return }
        jobs.start("flip \(model) \(moment)") { [weak self] in
            // The clock may be set meanwhile, so it is looked at again and again.
            while !Task.isCancelled, let pause = Clock.pause(until: moment) {
                try? await Task.sleep(for: min(pause, .seconds(60)))
            }
            if !Task.isCancelled { self?.review(model) }
        }
    }

    /// The models that this node follows or holds.
    var models: [ModelName] {
        Array(
            Set(channels.followed.map(\.model) + library.entries.values.map(\.model)).sorted().prefix(
                Limits.announcedModelCountMax))
    }

    private func desired(_ model: ModelName) -> LibraryEntry? {
        if let channel = channels.deciding(for: model) {
            let current = store.current(model)?.version
            guard let wish = channels.wish(of: channel) else { return nil }
            guard case .run(let version) = wish else { return current.flatMap { library.entries[$0] } }
            // What is there stays if the head that asks for something else is not its signer's to sign any more.
            let chosen = version == current || channels.mayMove(channel) ? version : current
            return chosen.flatMap { library.entries[$0] }
        }
        return settings.value.fetched[model.text].flatMap { Digest(hex: $0) }.flatMap { library.entries[$0] }
    }

    private func resumeFetches() {
        for text in settings.value.wanted {
            guard let digest = Digest(hex: text) else { continue }
            guard let manifest = trust.manifests[digest] else { continue }
            library.want(digest, of: manifest.value.model)
        }
    }

    /// Fetches that neither a followed channel nor `get` asks for any more stop.
    func giveUpWhatNobodyWants() {
        let asked = Set(settings.value.wanted.compactMap { Digest(hex: $0) })
        let wanted = asked.union(channels.wanted.map(\.version))
        for digest in library.entries.keys.sorted() where !wanted.contains(digest) { library.unwant(digest) }
    }

    /// What an earlier run began to fetch, and nobody wants now, has no entry by which `remove` could find it.
    private func removeLeftovers() {
        let committed = Set(store.committed.map(\.key.version))
        for key in store.interrupted
        where library.entries[key.version]?.isWanted != true && !committed.contains(key.version) {
            log.notice("an unfinished fetch that nobody wants is removed", metadata: ["version": "\(key)"])
            jobs.start("remove \(key)") { [store, log] in
                do {
                    try await store.remove(key.version)
                } catch {
                    log.error("an unfinished fetch could not be removed: \(error)", metadata: ["version": "\(key)"])
                }
            }
        }
    }

    private func connect() {
        switchboard.delegate = self
        traffic.onDownloadLimit = { [driver] in driver.handle(.limitsChanged(downloadBytesPerSecond: $0)) }
        driver.onDial = { [dialler] in dialler.dial($0) }
        driver.onCompleted = { [library, partFetches] version in
            library.completed(version)
            partFetches.completed(version)
        }
        driver.onWriteFailure = { [library] in library.noteWriteFailure($0, $1) }
        store.onDamage = { [library] in library.noteDamage($0) }
        store.onChunkTimes = { [driver] in driver.noteCheck($0) }
        driver.onPayload = { [directory] in directory.addPayload($0, received: $1, sent: $2) }
        driver.onDisconnect = { [weak self] in self?.disconnect($0, because: $1) }
        exchange.onAccepted = { [weak self] in self?.accept($0) }
        exchange.onFault = { [weak self] in self?.blame($0, $1) }
        exchange.isComing = { [fetcher] in fetcher.isComing($0, but: $1) }
        exchange.hasOpened = { [driver] in driver.core.hasOpened($1, $0) }
        exchange.onLevelled = { [weak self] in self?.learnVersions(from: $0) }
        library.disk = disk
        partFetches.onEnd = { [library] in library.forgetWriteFailure(of: $0) }
        disk.onReview = { [weak self] in self?.announceSpace($0) }
        library.isHalted = { [channels] in channels.isHalted($0, of: $1) }
        fleet.onFault = { [weak self] in self?.blame($0, $1) }
        fleet.onUpdate = { [weak self] in self?.noteFleet($0) }
        library.onReady = { [weak self] in self?.becameReady($0) }
        library.onModelsChanged = { [weak self] in self?.announceModels() }
        trust.onConflict = { [log] conflict in
            log.error(
                "two documents of equal rank differ: somebody signed twice",
                metadata: ["of": "\(conflict.subject)", "kept": "\(conflict.kept)", "dropped": "\(conflict.dropped)"])
        }
        for file in trust.unusableFiles { log.error("a document on disk is not genuine and is left out: \(file)") }
        finder.answerFor = { [weak self] in self?.ownEntry(for: $0, on: $1) }
    }

    private func noteFleet(_ node: NodeID) {
        guard let row = fleet.core.rows[node] else { return }
        history.note(row.status.record) { trust.heads[$0] != nil }
    }

    private func becameReady(_ entry: LibraryEntry) {
        rollouts.noteAvailable(entry)
        review(entry.model)
        guard settings.value.wanted.contains(entry.digest.hex) else { return }
        jobs.start("wanted \(entry.digest)") { [settings] in
            try? await settings.change { $0.wanted.removeAll { $0 == entry.digest.hex } }
        }
    }

    private func announceModels() {
        guard models != announcedModels else { return }
        announcedModels = models
        for link in switchboard.links.values { link.send(.models(announcedModels)) }
    }

    private func announceSpace(_ room: ByteCount) {
        guard let message = spaces.update(room, sharesBlocks: store.sharesBlocks) else { return }
        for link in switchboard.links.values { link.send(message) }
    }

    private static var userID: UInt32 { ProcessIdentity.userID }
}

// MARK: What documents say

extension Agent {
    /// A new root, head or deny record, from a neighbour or from a command.
    func accept(_ document: AcceptedDocument) {
        switch document {
        case .root(let root):
            log.notice("a new root of trust", metadata: ["version": "\(root.value.version)"])
            refreshTLS()
            library.dropUnentitled()
            for version in partFetches.versions where trust.manifests[version] == nil { partFetches.endSoon(version) }
            for model in models { review(model) }
        case .head(let head):
            log.notice(
                "a new head", metadata: ["channel": "\(head.value.channel)", "version": "\(head.value.version.short)"])
            giveUpWhatNobodyWants()
            review(head.value.channel.model)
            offerAgain(head.value.channel.model)
        case .deny(let record): enforce(record.value)
        }
    }

    private func enforce(_ record: DenyRecord) {
        let isDenied = record.state == .denied
        log.notice(isDenied ? "denied" : "a denial is lifted", metadata: ["subject": "\(record.subject)"])
        switch record.subject {
        case .node(let node):
            refreshTLS()
            fleet.handle(.denied(node, isDenied))
            driver.handle(isDenied ? .nodeDenied(node) : .nodeAllowed(node))
            if isDenied { switchboard.disconnect(node, .denied, "denied by an operator") }
        case .version(let model, let version):
            rollouts.noteDenied(version, of: model, isDenied: isDenied)
            if isDenied {
                library.deny(version, of: model)
                partFetches.endSoon(version)
                review(model)
            } else {
                jobs.start("allow \(version)") { [weak self] in
                    await self?.library.allow(version, of: model)
                    self?.resumeFetches()
                    self?.review(model)
                }
            }
        case .channel(let channel):
            giveUpWhatNobodyWants()
            review(channel.model)
            offerAgain(channel.model)
        }
    }

    /// What a halt keeps back is not offered, and what it kept back is offered again.
    private func offerAgain(_ model: ModelName) {
        modelsToOffer.insert(model)
        jobs.start("offers") { [weak self] in
            while let model = self?.modelsToOffer.popFirst() { await self?.library.reviewOffers(of: model) }
        }
    }

    private func refreshTLS() {
        do throws(TLSError) {
            try contexts.refresh(trust)
        } catch {
            log.error("TLS could not be set up anew: \(error)")
        }
    }

    /// Asks a neighbour that is level with us for the versions of the models that we share.
    private func learnVersions(from node: NodeID) {
        for model in models {
            startLearning(of: model, from: node)
            review(model)
        }
    }

    /// Fetches the manifests that a neighbour knows of a model and this node does not.
    func startLearning(of model: ModelName, from node: NodeID) {
        jobs.start("versions \(model) \(node)") { [weak self] in
            await self?.learnVersions(of: model, from: node)
            self?.learningBell.ring()
        }
    }

    /// Whether that is under way.
    func isLearning(of model: ModelName, from node: NodeID) -> Bool { jobs.isRunning("versions \(model) \(node)") }

    private func learnVersions(of model: ModelName, from node: NodeID) async {
        guard let digests = await fetcher.versions(of: model, from: node) else { return }
        for digest in digests.prefix(Limits.manifestCountPerModelMax) where trust.manifests[digest] == nil {
            // Whoever named it has it; a liar's inventions are not carried to the others.
            _ = try? await fetcher.manifest(digest, from: node)
            learningBell.ring()
        }
        let held = Set(library.entries.values.filter { $0.model == model }.map(\.digest))
        _ = try? await trust.trim(model, held: held)
    }

    // MARK: Renewal

    private func startRenewal() {
        let timer = LoopTimer { [weak self] in self?.renewIfDue() }
        timer.start(after: .seconds(1), repeating: .seconds(1))
        renewalTimer = timer
    }

    private func renewIfDue() {
        guard Clock.wallTime() >= trust.identity.renewAfter else { return }
        jobs.start("renewal") { [weak self] in await self?.renew() }
    }

    private func renew() async {
        do {
            guard let der = try await renewed() else { return try await Task.sleep(for: .seconds(5)) }
            try await trust.adopt(renewed: der, now: Clock.wallTime())
            refreshTLS()
            log.notice(
                "the certificate is renewed", metadata: ["until": "\(trust.identity.certificate.validity.notAfter)"])
        } catch {
            log.error(
                "the certificate was not renewed: \(error)",
                metadata: ["until": "\(trust.identity.certificate.validity.notAfter)"])
            try? await Task.sleep(for: .seconds(30))
        }
    }

    private func renewed() async throws -> [UInt8]? {
        if let issuer = trust.issuer {
            return try await issuer.renew(
                trust.identity.certificate, now: Clock.wallTime(), isDenied: { [trust] in trust.denyList.isDenied($0) }
            ).der
        }
        for link in switchboard.links.values where link.hello?.issuesCertificates == true {
            if let der = await fetcher.renewal(from: link.node) { return der }
        }
        for entry in await finder.find(.issuer) where switchboard.links[entry.node] == nil {
            dialler.dial(.node(entry.node, entry.endpoint))
        }
        return nil
    }
}
