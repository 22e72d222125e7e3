internal import EventLoop
internal import Logging
internal import Manifest
internal import Store
internal import Swarm
internal import Units

/// Mending what checks found damaged, while the version is served on.
extension Library {
    /// A check has found a complete variant damaged: what is damaged is withdrawn, and mended.
    func noteDamage(_ key: VariantKey) {
        for chunk in store.committed(key)?.damaged ?? [] {
            driver.handle(.chunkRechecked(key.version, chunk, .damaged))
        }
        // Only what a repair under way leaves out makes it begin again: it would never end if each check did.
        let isBeyond = isRepairing(key.version) && store.hasDamageBeyondRepair(key)
        let isAnothersTurn = loneRepairs[key.version].map { $0 != key } ?? false
        if isBeyond || isAnothersTurn { entries[key.version]?.stopWaiting(.outdated) }
        startRepair(of: key.version)
    }

    /// What a check has found right again is offered again, and a repair that it makes needless ends.
    func offerAgain(_ version: Digest) {
        guard let available = store.available(version) else { return }
        driver.handle(.chunksFound(version, available.indices))
        guard let entry = entries[version], isRepairing(version), !isDamaged(version) else { return }
        entry.error = ""
        entry.stopWaiting(.givenUp)
    }

    private func isDamaged(_ version: Digest) -> Bool { store.committed(of: version).contains(where: \.isDamaged) }

    /// Mends a version, again and again until it is done or the version is gone.
    func startRepair(of digest: Digest) {
        jobs.start("repair \(digest)") { [weak self] in
            var pause = Limits.repairPauseSeconds
            while !Task.isCancelled, let self, let entry = entries[digest], entry.phase == .ready {
                let damaged = store.committed(of: digest).filter(\.isDamaged).map(\.key)
                loneRepairs[digest] = damaged.count == 1 ? damaged.first : nil
                guard !damaged.isEmpty else { return }
                var failures: [RepairFailure] = []
                for key in damaged {
                    if let failure = await attempt(key, of: entry, isAlone: damaged.count == 1) {
                        failures.append(failure)
                    }
                }
                guard !failures.isEmpty else { continue }
                try? await Task.sleep(for: .seconds(pause))
                // All of it would be fetched again each time, for nothing.
                let isHopeless = failures.contains(.unsupported)
                pause = isHopeless ? min(2 * pause, Limits.repairPauseSecondsMax) : Limits.repairPauseSeconds
            }
            self?.loneRepairs[digest] = nil
        }
    }

    private enum RepairFailure {
        case givenUp
        /// The disk cannot do what it takes, and will not soon.
        case unsupported
    }

    /// Whether a version is being mended.
    func isRepairing(_ digest: Digest) -> Bool { jobs.isRunning("repair \(digest)") }

    /// - Returns: nil if it is mended, or is to be mended anew at once.
    private func attempt(_ key: VariantKey, of entry: LibraryEntry, isAlone: Bool) async -> RepairFailure? {
        var failure = RepairFailure.givenUp
        var claim: SpaceClaim?
        defer { disk?.release(claim) }
        do throws(StoreError) {
            let space = store.repairByteCount(key)
            claim = try await disk?.admit(key, 0, spaceMax: space) { () async throws(StoreError) in space }
            let end = try await repair(key, of: entry, isAlone: isAlone)
            if end == .complete { return nil }
            if end == .outdated {
                await store.abandonRepair(key)
                return nil
            }
        } catch {
            if error.code == .unsupported { failure = .unsupported }
            entry.error = "damaged on disk, and not mended yet: \(error)"
            log.error("a damaged version could not be mended yet: \(error)", metadata: ["version": "\(key)"])
        }
        await store.abandonRepair(key)
        // A check may have found it right meanwhile.
        return store.committed(key)?.isDamaged == false ? nil : failure
    }

    /// - Returns: `.givenUp` also if it is needless by now.
    private func repair(
        _ key: VariantKey, of entry: LibraryEntry, isAlone: Bool
    ) async throws(StoreError) -> LibraryEntry.FetchEnd {
        guard let layout = entry.layout, let start = try await store.beginRepair(key) else { return .givenUp }
        entry.error = "damaged on disk; it is being mended from its neighbours"
        log.notice("a damaged version is being mended", metadata: ["version": "\(key)"])
        if !start.verified.isSuperset(of: start.needed) {
            guard mayTrade(entry) else { return .givenUp }
            driver.add(plan(for: start, entry, layout))
            let vigil = isAlone ? nil : vigil(over: key, of: entry)
            defer { vigil?.cancel() }
            let end = await entry.allChunks()
            guard end == .complete else { return end }
            _ = driver.closeFetchReport(of: entry.digest)
            guard store.committed(key)?.isDamaged == true else { return .givenUp }
        }
        try await store.finishRepair(key)
        guard entries[entry.digest] === entry, entry.phase == .ready else { return .complete }
        entry.error = ""
        forgetWriteFailure(of: entry.digest)
        if mayTrade(entry), let held = store.available(entry.digest) {
            driver.add(plan(entry, layout, held: held, needed: held, seeding: .ordinary))
        }
        log.notice("a damaged version is mended", metadata: ["version": "\(key)"])
        onReady?(entry)
        return .complete
    }

    /// Gives a repair up that gets no chunk any more: another variant is damaged, too, and waits for its turn.
    private func vigil(over key: VariantKey, of entry: LibraryEntry) -> Task<Void, Never> {
        Task { @LoopActor [store] in
            var count = store.repairedChunkCount(key)
            while (try? await Task.sleep(for: .seconds(Limits.repairPauseSeconds))) != nil {
                let before = count
                count = store.repairedChunkCount(key)
                if count == before { return entry.stopWaiting(.givenUp) }
            }
        }
    }

    /// All that is here is held, but for what the damaged files still lack: that is fetched, though it may lie
    /// elsewhere.
    private func plan(for start: FetchStart, _ entry: LibraryEntry, _ layout: Layout) -> VersionPlan {
        var held = store.available(entry.digest) ?? ChunkSet(capacity: layout.chunkCount)
        var needed = held
        for index in start.needed.indices {
            needed.insert(index)
            if start.verified.contains(index) { held.insert(index) } else { held.remove(index) }
        }
        return plan(entry, layout, held: held, needed: needed, seeding: .ordinary)
    }
}
