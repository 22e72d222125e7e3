internal import Control
internal import EventLoop
internal import Files
internal import Manifest
internal import Store
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// `shoal get`: find out what is meant, ask the neighbours if need be, fetch, wait.
@LoopActor
struct VersionGetter {
    let agent: Agent
    let progress: ControlServer.ProgressSink

    func get(_ request: GetVersion) async throws(ControlError) -> FetchedVersion {
        let deadline = request.waitSeconds.map { Clock.now() + .seconds(min(max(0, $0), Limits.waitSecondsMax)) }
        let manifest = try await find(request.model, request.version, request.channel, until: deadline)
        let entry = try await want(manifest, reusing: try await reuseFolders(request, manifest.digest))
        guard request.wait else { return VersionDescriber(agent: agent).fetched(entry) }
        try await wait(for: entry, until: deadline)
        return VersionDescriber(agent: agent).fetched(entry)
    }

    /// What a `get` would cost. Only documents are fetched.
    func plan(_ request: PlanVersion) async throws(ControlError) -> PlanVersion.Reply {
        guard let model = ModelName(request.model) else {
            throw ControlError(.wrongUsage, "\(request.model) is no model name")
        }
        let choice = try VersionChoice(version: request.version, channel: request.channel)
        let manifest = try await find(model, choice, nil)
        let variant = agent.library.variant(of: manifest)
        let key = VariantKey(version: manifest.digest, variant: variant)
        do {
            let layout = try await layout(of: manifest)
            let isComplete = agent.store.committed(key) != nil
            let plan = try await agent.store.plan(manifest, layout, variant: variant)
            let transfer = isComplete ? 0 : plan.transferByteCount.value
            let rate = agent.driver.core.downlinkLimit.bytesPerSecond
            return PlanVersion.Reply(
                model: model.text, version: manifest.digest.hex, tag: manifest.value.tag.text, variant: variant.text,
                complete: isComplete, bytesTotal: plan.byteCount.value, bytesReused: plan.reusedByteCount.value,
                bytesTransfer: transfer, bytesDisk: isComplete ? 0 : plan.spaceByteCount.value,
                bytesFree: try await agent.store.freeByteCount().value,
                seconds: rate > 0 ? Double(transfer) / rate : nil)
        } catch let error as ControlError {
            throw error
        } catch let error as StoreError {
            throw error.controlError
        } catch {
            throw ControlError(.failed, "\(error)")
        }
    }

    // MARK: Finding

    /// What is meant, asking the neighbours if need be, unless it is denied.
    func find(
        _ model: String, _ version: String?, _ channel: String?, until deadline: Instant?
    ) async throws(ControlError) -> Verified<Manifest> {
        guard let model = ModelName(model) else { throw ControlError(.wrongUsage, "\(model) is no model name") }
        let manifest = try await find(model, try VersionChoice(version: version, channel: channel), deadline)
        guard !agent.trust.denyList.isDenied(manifest.digest, of: model) else {
            throw ControlError(.notAllowed, "\(model)@\(manifest.value.tag) is denied by an operator")
        }
        return manifest
    }

    /// The table of chunks of a version, asking the neighbours if need be.
    func layout(of manifest: Verified<Manifest>) async throws -> Layout {
        if let layout = try await agent.fetcher.layout(of: manifest) { return layout }
        throw ControlError(.tryAgain, "no neighbour gives the version's table of chunks now", hint: "Try again.")
    }

    private func find(
        _ model: ModelName, _ choice: VersionChoice, _ deadline: Instant?
    ) async throws(ControlError) -> Verified<Manifest> {
        let giveUp = deadline ?? Clock.now() + .seconds(Limits.lookupSeconds)
        while true {
            if let found = try await lookUp(model, choice) { return found }
            let allSaidNo = try await askNeighbours(model, choice)
            if let found = try await lookUp(model, choice) { return found }
            if deadline == nil, allSaidNo || Clock.now() >= giveUp { throw unknown(model, choice) }
            guard Clock.now() < giveUp else {
                throw ControlError(
                    .notYet, "no neighbour knows \(model) \(choice) yet",
                    hint: "Ask again later, or with a longer --wait.")
            }
            try await pause(.milliseconds(250))
        }
    }

    private func lookUp(_ model: ModelName, _ choice: VersionChoice) async throws(ControlError) -> Verified<Manifest>? {
        switch VersionResolver(trust: agent.trust).resolve(model, choice) {
        case .found(let manifest): return manifest
        case .unknown: return nil
        case .ambiguous(let digests): throw ControlError.ambiguous(model.text, choice, digests)
        case .needsManifest(let digest):
            do throws(TrustError) {
                return try await agent.fetcher.manifest(digest)
            } catch {
                throw ControlError(.failed, "\(error)")
            }
        }
    }

    /// Gives the neighbours that are there, and those that are on their way, up to five seconds in all.
    private func askNeighbours(_ model: ModelName, _ choice: VersionChoice) async throws(ControlError) -> Bool {
        let limit = Clock.now() + .seconds(Limits.lookupSeconds)
        var asked: Set<NodeID> = []
        while Clock.now() < limit {
            let links = agent.switchboard.links.values.filter { !asked.contains($0.node) }.sorted { $0.node < $1.node }
            for link in links where agent.exchange.levelled.contains(link.node) {
                asked.insert(link.node)
                agent.startLearning(of: model, from: link.node)
            }
            if case .unknown = VersionResolver(trust: agent.trust).resolve(model, choice) {} else { return false }
            // All at once, so that one that does not answer keeps nobody waiting for longer than the limit.
            let hasAllAnswers = agent.switchboard.links.keys.allSatisfy {
                asked.contains($0) && !agent.isLearning(of: model, from: $0)
            }
            if hasAllAnswers, !asked.isEmpty || agent.dialler.peerCount == 0 {
                try await reachFurther(model)
                if agent.switchboard.links.keys.allSatisfy(asked.contains) { return true }
            }
            try await pause(.milliseconds(50), orUntil: agent.learningBell)
        }
        return true
    }

    /// Asks three hops far who has the model, and connects to them.
    private func reachFurther(_ model: ModelName) async throws(ControlError) {
        let found = await agent.finder.find(.model(model)).filter {
            agent.switchboard.links[$0.node] == nil && $0.node != agent.trust.identity.node
        }
        for entry in found.prefix(4) { agent.dialler.dial(.node(entry.node, entry.endpoint)) }
        guard !found.isEmpty else { return }
        let limit = Clock.now() + .seconds(1)
        while Clock.now() < limit, !found.contains(where: { agent.exchange.levelled.contains($0.node) }) {
            try await pause(.milliseconds(20))
        }
    }

    private func unknown(_ model: ModelName, _ choice: VersionChoice) -> ControlError {
        let neighbours = agent.switchboard.links.count
        let who =
            neighbours == 0
            ? "there is no neighbour to ask, and this node knows"
            : "none of \(neighbours) neighbours knows, and neither does this node,"
        return ControlError(
            .notFound, "\(who) no version \(choice) of \(model)",
            hint: neighbours == 0
                ? "Is another agent running, and is it named with --peer? See `shoal status`."
                : "See `shoal list \(model)`; --wait SECONDS keeps asking.")
    }

    // MARK: Fetching

    /// Folders are of use only before a fetch begins, so it is said where it began already; and what is wrong with one
    /// is said now, since the fetch would go on without it.
    private func reuseFolders(_ request: GetVersion, _ digest: Digest) async throws(ControlError) -> [String] {
        let folders = request.reuseFrom ?? []
        guard folders.count <= Limits.reuseFolderCountMax, folders.allSatisfy({ $0.hasPrefix("/") }) else {
            throw ControlError(
                .wrongUsage, "--reuse-from takes up to \(Limits.reuseFolderCountMax) folders by absolute path")
        }
        if !folders.isEmpty, let entry = agent.library.entries[digest], entry.isWanted, entry.phase != .ready {
            throw ControlError(
                .failed, "the version is being fetched already, and --reuse-from counts only before that",
                hint: "Name it with the first `shoal get`, before the model is followed.")
        }
        do {
            try await ThreadPool.run { for folder in folders { _ = try OutsideFile.list(folder: folder) } }
        } catch let error as FileError {
            throw ControlError(error.isNotFound ? .notFound : .failed, "--reuse-from: \(error)")
        } catch {
            throw ControlError(.failed, "\(error)")
        }
        return folders
    }

    private func want(
        _ manifest: Verified<Manifest>, reusing folders: [String]
    ) async throws(ControlError) -> LibraryEntry {
        let (digest, model) = (manifest.digest, manifest.value.model)
        do throws(TrustError) {
            try await agent.settings.change {
                if agent.library.entries[digest]?.phase != .ready, !$0.wanted.contains(digest.hex) {
                    $0.wanted.append(digest.hex)
                }
                $0.fetched[model.text] = digest.hex
            }
        } catch {
            throw ControlError(.failed, "the wish could not be kept: \(error)")
        }
        let giveUp = Clock.now() + .seconds(Limits.removalWaitSeconds)
        while agent.library.isRemoving(digest), Clock.now() < giveUp { try await pause(.milliseconds(20)) }
        agent.library.want(digest, of: model, reusing: folders)
        agent.library.entries[digest]?.retry()
        guard !agent.library.isRemoving(digest) else {
            throw ControlError(
                .notYet, "an earlier removal of the version still runs; it is fetched after that",
                hint: "Ask again; `shoal status` shows its fetch.")
        }
        agent.review(model)
        guard let entry = agent.library.entries[digest] else {
            throw ControlError(.notAllowed, "\(model)@\(manifest.value.tag) is denied by an operator")
        }
        return entry
    }

    /// Often enough for a person who looks at it; each costs both processes some JSON.
    private static let progressInterval = Duration.milliseconds(500)

    private func wait(for entry: LibraryEntry, until deadline: Instant?) async throws(ControlError) {
        while entry.phase != .ready {
            if agent.trust.denyList.isDenied(entry.digest, of: entry.model) {
                throw ControlError(.notAllowed, "\(entry.model) was denied by an operator meanwhile")
            }
            guard agent.library.entries[entry.digest] === entry, entry.isWanted else {
                throw ControlError(.failed, "\(entry.model) was removed meanwhile")
            }
            if let deadline, Clock.now() >= deadline {
                throw ControlError(
                    .notYet, "the version is not complete yet: \(entry.phase.rawValue) \(entry.error)",
                    hint: "The fetch goes on; ask again.")
            }
            if entry.phase == .failed, isFinal(entry.error) { throw ControlError(.failed, entry.error) }
            progress(StatusWriter(agent: agent).progress(of: entry))
            try await pause(VersionGetter.progressInterval, orUntil: entry.phaseBell)
        }
        progress(StatusWriter(agent: agent).progress(of: entry))
    }

    /// A full disk does not mend itself while a command waits.
    private func isFinal(_ error: String) -> Bool { error.contains("disk full") || error.contains("no space") }
}
