internal import EventLoop
internal import Logging
internal import Manifest
internal import Store
internal import Swarm
internal import Trust
internal import Units

/// The versions that this node deals with: brings those that are wanted here, and serves those that are here.
@LoopActor
final class Library {
    private(set) var entries: [Digest: LibraryEntry] = [:]
    /// The last write that failed, and for which version: until a version becomes ready, or nobody wants that one.
    private var writeFailure: (version: Digest, error: any Error)?
    /// Makes room for what a fetch will write.
    weak var disk: DiskKeeper?
    /// Versions that are being deleted, and who wants one meanwhile.
    private var removing: [Digest: (model: ModelName, isWanted: Bool)] = [:]
    /// Repairs that began when nothing else of the version was damaged.
    var loneRepairs: [Digest: VariantKey] = [:]
    /// Whether a version must not spread, since its rollout was halted.
    var isHalted: (@LoopActor (Digest, ModelName) -> Bool)?
    /// Versions that are here and were taken out of the swarm, since their rollout was halted.
    private var heldBack: Set<Digest> = []
    /// A version became ready here.
    var onReady: (@LoopActor (LibraryEntry) -> Void)?
    /// The models that this node follows or holds changed.
    var onModelsChanged: (@LoopActor () -> Void)?

    let store: Store
    let driver: ChunkDriver
    let jobs: Jobs
    let log: Logger
    private let trust: Trust
    private let fetcher: DocumentFetcher
    private let book: FetchBook
    private let preference: VariantPreference

    init(
        store: Store, trust: Trust, driver: ChunkDriver, fetcher: DocumentFetcher, book: FetchBook,
        preference: VariantPreference, jobs: Jobs, log: Logger
    ) {
        self.store = store
        self.trust = trust
        self.driver = driver
        self.fetcher = fetcher
        self.book = book
        self.preference = preference
        self.jobs = jobs
        self.log = log
    }

    /// Why versions cannot be written at present; nil if they can.
    var obstacle: AgentHealth? { writeFailure.flatMap { AgentHealth(writing: $0.error) } }

    /// Puts what is complete on disk into the swarm; what cannot be served is said and left.
    func open() async {
        for variant in store.committed where entries[variant.key.version] == nil {
            let entry = entry(variant.key.version, variant.model)
            entry.manifest = trust.manifest(entry.digest)
            // Only another variant is here, since the configuration or the hardware changed: this one is fetched once
            // somebody wants it.
            guard entry.manifest == nil || store.committed(entry.key) != nil else {
                await attachOthers(of: entry)
                continue
            }
            do {
                try await serve(entry, seeding: .ordinary)
            } catch {
                entry.phase = .failed
                entry.error = "it is on disk and cannot be served: \(error)"
                log.error("a version on disk cannot be served: \(error)", metadata: ["version": "\(variant.key)"])
            }
        }
    }

    /// Lets other variants of a version be taken from, which is a saving and no more.
    private func attachOthers(of entry: LibraryEntry) async {
        guard let manifest = entry.manifest else { return }
        do throws(StoreError) {
            try await attachAll(entry, manifest)
        } catch {
            log.warning(
                "another variant on disk cannot be taken from: \(error)", metadata: ["version": "\(entry.digest)"])
        }
    }

    /// Which variant of a version this node would take.
    func variant(of manifest: Verified<Manifest>) -> VariantName {
        preference.choose(of: manifest.value.model, among: manifest.value.variants)
    }

    /// Fetches a version, unless it is here.
    /// - Parameter folders: where bytes of it may lie; looked at when its fetch begins.
    func want(_ digest: Digest, of model: ModelName, reusing folders: [String] = []) {
        guard removing[digest] == nil else { return removing[digest] = (model, true) }
        let entry = entry(digest, model)
        guard !trust.denyList.isDenied(digest, of: model) else { return }
        if !folders.isEmpty { entry.reuseFolders = folders }
        entry.isWanted = true
        guard entry.phase != .ready else { return }
        entry.noteSign()
        jobs.start("version \(digest)") { [weak self] in await self?.acquire(digest) }
    }

    /// Nobody wants the version any more: a fetch stops; what is complete stays.
    func unwant(_ digest: Digest) {
        guard let entry = entries[digest], entry.isWanted else { return }
        entry.isWanted = false
        if writeFailure?.version == digest { writeFailure = nil }
        if entry.phase != .ready { entry.stopWaiting(.givenUp) }
    }

    /// A published version is taken over from its staging folder and directed through the swarm.
    func adopt(_ staging: String, _ manifest: Verified<Manifest>, _ layout: Layout) async throws(StoreError)
        -> LibraryEntry
    {
        let entry = entry(manifest.digest, manifest.value.model)
        entry.manifest = manifest
        entry.layout = layout
        _ = try await store.adopt(staging, manifest, layout)
        if entry.phase != .ready { try await serve(entry, seeding: .directing) }
        return entry
    }

    /// Deletes a version here, all its variants.
    /// - Parameter isProtected: asked right before; a variant of which it says so keeps the version.
    func remove(
        _ digest: Digest, unless isProtected: @escaping @LoopActor (VariantKey) -> Bool = { _ in false }
    ) async throws(StoreError) {
        guard let entry = entries[digest], removing[digest] == nil else {
            throw StoreError(.notFound, "remove", of: digest.short, "nothing of it is here")
        }
        unwant(digest)
        removing[digest] = (entry.model, false)
        defer {
            if let (model, isWanted) = removing.removeValue(forKey: digest), isWanted { want(digest, of: model) }
        }
        try await store.remove(digest, unless: isProtected)
        // A repair may wait for chunks.
        entry.stopWaiting(.givenUp)
        driver.remove(digest, because: .unwanted)
        heldBack.remove(digest)
        entries[digest] = nil
        onModelsChanged?()
    }

    /// Whether a version is being deleted.
    func isRemoving(_ digest: Digest) -> Bool { removing[digest] != nil }

    /// Fetches that nobody wants any more and of which something is on disk.
    var abandoned: [Digest] {
        let complete = Set(store.committed.map(\.key.version))
        return entries.values.filter { !$0.isWanted && $0.phase != .ready && !complete.contains($0.digest) }
            .map(\.digest).filter { store.hasAny(of: $0) }.sorted()
    }

    /// An operator denied the version: it is neither fetched nor sent from now on. A record names the model too, since
    /// a key for one model may not shut out another's.
    func deny(_ digest: Digest, of model: ModelName) {
        guard entries[digest]?.model == model else { return }
        driver.remove(digest, because: .denied)
        unwant(digest)
        entries[digest]?.stopWaiting(.givenUp)
    }

    /// The denial was lifted.
    func allow(_ digest: Digest, of model: ModelName) async {
        guard let entry = entries[digest], entry.model == model, entry.phase == .ready else { return }
        do {
            try await serve(entry, seeding: .ordinary)
        } catch {
            entry.error = "\(error)"
        }
    }

    /// Takes versions of halted rollouts out of the swarm, and puts back those that are not halted any more.
    func reviewOffers(of model: ModelName) async {
        for entry in entries.values.filter({ $0.model == model }).sorted(by: { $0.digest < $1.digest }) {
            if isHalted?(entry.digest, model) == true {
                holdBack(entry)
            } else if heldBack.remove(entry.digest) != nil {
                await allow(entry.digest, of: model)
            }
        }
    }

    /// A fetch that somebody still wants goes on; what is complete is offered to nobody.
    private func holdBack(_ entry: LibraryEntry) {
        guard entry.phase == .ready, heldBack.insert(entry.digest).inserted else { return }
        driver.remove(entry.digest, because: .denied)
    }

    /// The newest root does not entitle the publishers of some versions any more: these are neither fetched nor sent.
    func dropUnentitled() {
        for digest in entries.keys.sorted() where trust.manifest(digest) != nil && trust.manifests[digest] == nil {
            driver.remove(digest, because: .unwanted)
            unwant(digest)
            entries[digest]?.stopWaiting(.givenUp)
        }
    }

    /// A neighbour announced a version: it has what a fetch may be waiting for.
    func noteHolder(of digest: Digest) { entries[digest]?.noteSign() }

    /// The swarm has everything that a version needs.
    func completed(_ digest: Digest) { entries[digest]?.stopWaiting(.complete) }

    /// A chunk could not be written; the core tries again.
    func noteWriteFailure(_ digest: Digest, _ error: StoreError) {
        entries[digest]?.error = error.description
        writeFailure = (digest, error)
    }

    /// A version could be written after all.
    func forgetWriteFailure(of digest: Digest) { if writeFailure?.version == digest { writeFailure = nil } }

    private func entry(_ digest: Digest, _ model: ModelName) -> LibraryEntry {
        if let known = entries[digest] { return known }
        let entry = LibraryEntry(digest: digest, model: model, preference: preference)
        entry.onPhase = { [book] in book.follow($0) }
        entries[digest] = entry
        onModelsChanged?()
        return entry
    }
}

// MARK: Fetching

extension Library {
    /// Attempts until the version is here or nobody wants it.
    private func acquire(_ digest: Digest) async {
        // Looked up each time: while one entry's last attempt ends, it may be removed and the version wanted anew.
        while let entry = entries[digest], entry.isToBeFetched, !Task.isCancelled {
            book.begin(entry.digest)
            await acquire(entry)
            guard !entry.isWanted, entry.phase != .ready else { continue }
            book.drop(entry.digest)
            entry.phase = .waiting
            entry.error = "not wanted any more; `shoal remove` frees its space"
        }
    }

    /// Errors are shown and tried again.
    private func acquire(_ entry: LibraryEntry) async {
        var pause = Duration.milliseconds(100)
        while entry.isToBeFetched, !Task.isCancelled {
            do {
                entry.forgetSigns()
                // Wanted again while it was being given up: the loop's condition decides, not the attempt.
                if try await attempt(entry) { continue }
                await entry.awaitSign(atMost: pause)
                pause = min(pause * 2, .seconds(2))
            } catch {
                // Removed or published here meanwhile: the attempt had to fail.
                guard entry.isToBeFetched else { return }
                note(error, of: entry)
                await entry.awaitRetry(after: .seconds(Limits.fetchRetrySeconds))
            }
        }
    }

    private func note(_ error: any Error, of entry: LibraryEntry) {
        entry.phase = .failed
        entry.error = "\(error)"
        writeFailure = (entry.digest, error)
        log.error("a fetch failed and is tried again: \(error)", metadata: ["version": "\(entry.digest.short)"])
    }

    /// False if no neighbour could give what is needed next.
    private func attempt(_ entry: LibraryEntry) async throws -> Bool {
        guard let manifest = try await fetcher.manifest(entry.digest) else { return false }
        entry.manifest = manifest
        log.debug("the manifest is here", metadata: ["version": "\(entry.digest.short)"])
        guard entry.isToBeFetched else { return true }
        if store.committed(entry.key) != nil {
            try await serve(entry, seeding: .ordinary)
            return true
        }
        entry.phase = .fetching
        guard let layout = try await fetcher.layout(of: manifest) else { return false }
        entry.layout = layout
        log.debug("the layout is here", metadata: ["version": "\(entry.digest.short)"])
        guard entry.isToBeFetched else { return true }
        try await fetch(entry, manifest, layout)
        return true
    }

    private func fetch(_ entry: LibraryEntry, _ manifest: Verified<Manifest>, _ layout: Layout) async throws(StoreError)
    {
        var claim: SpaceClaim?
        defer { disk?.release(claim) }
        let start = try await begin(entry, manifest, layout, &claim)
        // Hashing what an earlier run left takes long: it may have been denied or unfollowed meanwhile.
        guard entry.isToBeFetched else { return }
        entry.phase = .fetching
        entry.error = ""
        log.debug("chunks are fetched now", metadata: ["version": "\(entry.digest.short)"])
        book.handOver(entry.digest, reusedByteCount: layout.byteCount(of: start.held))
        driver.add(plan(entry, layout, held: start.held, needed: start.needed, seeding: .ordinary))
        let isWhole = start.held.isSuperset(of: start.needed)
        if !isWhole, await entry.allChunks() != .complete {
            // Published here meanwhile, or removed and another entry's by now, it is not this fetch's to end.
            guard entries[entry.digest] === entry, entry.phase != .ready else { return }
            return driver.remove(entry.digest, because: .unwanted)
        }
        entry.phase = .committing
        log.debug("all chunks are here", metadata: ["version": "\(entry.digest.short)"])
        _ = try await store.commit(entry.key)
        book.close(entry)
        becomeReady(entry)
        if isHalted?(entry.digest, entry.model) == true { holdBack(entry) }
    }

    /// The chunks that are here and those that must be. A fetch that was given up in this run, or whose commit failed,
    /// goes on where it stood; any other begins by hashing what an earlier run left.
    private func begin(
        _ entry: LibraryEntry, _ manifest: Verified<Manifest>, _ layout: Layout, _ claim: inout SpaceClaim?
    ) async throws(StoreError) -> (held: ChunkSet, needed: ChunkSet) {
        if store.isBeingFetched(entry.key), let held = store.available(of: entry.key),
            let files = manifest.value.fileRange(of: entry.variant)
        {
            return (held, layout.chunkSet(ofFiles: files))
        }
        entry.phase = .verifying
        let byteCount = manifest.value.variant(entry.variant)?.byteCount ?? 0
        claim = try await disk?.admit(entry.key, byteCount, spaceMax: byteCount) {
            [store] () async throws(StoreError) in
            try await store.plan(manifest, layout, variant: entry.variant).spaceByteCount
        }
        let start = try await store.beginFetch(manifest, layout, variant: entry.variant, reusing: entry.reuseFolders) {
            entry.hashedByteCount = $0.value
        }
        return (start.verified, start.needed)
    }

    /// Makes a complete version servable, and puts it into the swarm.
    private func serve(_ entry: LibraryEntry, seeding: VersionPlan.Seeding) async throws(StoreError) {
        guard let manifest = entry.manifest else {
            throw StoreError(.notFound, "serve", of: entry.digest.short, "its manifest is not kept here")
        }
        let layout = try await attachAll(entry, manifest)
        guard let held = store.available(entry.digest) else {
            throw StoreError(.notFound, "serve", of: "\(entry.key)", "nothing of it is complete here")
        }
        if mayTrade(entry) {
            driver.add(plan(entry, layout, held: held, needed: held, seeding: held.isFull ? seeding : .ordinary))
        }
        becomeReady(entry)
        if isHalted?(entry.digest, entry.model) == true { holdBack(entry) }
        if store.committed(of: entry.digest).contains(where: { !$0.damaged.isEmpty }) {
            startRepair(of: entry.digest)
        }
    }

    /// What is denied, or what only an earlier root entitled, may be loaded where it is current, and no more.
    func mayTrade(_ entry: LibraryEntry) -> Bool {
        isHalted?(entry.digest, entry.model) != true && !trust.denyList.isDenied(entry.digest, of: entry.model)
            && trust.manifests[entry.digest] != nil
    }

    /// Lets the store read all variants of a version that are complete: to serve them, and to take from them.
    @discardableResult
    private func attachAll(_ entry: LibraryEntry, _ manifest: Verified<Manifest>) async throws(StoreError) -> Layout {
        let layout = try await storedLayout(entry, manifest)
        entry.layout = layout
        for variant in store.committed(of: entry.digest) {
            try await store.attach(manifest, layout, variant: variant.key.variant)
        }
        return layout
    }

    private func storedLayout(_ entry: LibraryEntry, _ manifest: Verified<Manifest>) async throws(StoreError) -> Layout
    {
        if let layout = entry.layout { return layout }
        do {
            if let layout = try await fetcher.layout(of: manifest) { return layout }
        } catch {
            throw StoreError(.io, "serve", of: entry.digest.short, "\(error)")
        }
        throw StoreError(.notFound, "serve", of: entry.digest.short, "its layout is not kept here")
    }

    private func becomeReady(_ entry: LibraryEntry) {
        entry.phase = .ready
        entry.error = ""
        book.drop(entry.digest)
        writeFailure = nil
        log.notice("a version is ready", metadata: ["model": "\(entry.model)", "version": "\(entry.digest.short)"])
        // A fetch of what was published here waits for chunks that nobody will send any more.
        entry.stopWaiting(.givenUp)
        onReady?(entry)
        onModelsChanged?()
    }

    func plan(
        _ entry: LibraryEntry, _ layout: Layout, held: ChunkSet, needed: ChunkSet, seeding: VersionPlan.Seeding
    ) -> VersionPlan {
        VersionPlan(
            version: entry.digest, model: entry.model, chunkByteCounts: layout.lengths, held: held, needed: needed,
            seeding: seeding)
    }
}
