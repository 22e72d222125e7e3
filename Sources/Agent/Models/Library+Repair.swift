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
        startRepair(of: key.version)
    }

    /// Mends a version, again and again until it is done or the version is gone.
    func startRepair(of digest: Digest) {
        jobs.start("repair \(digest)") { [weak self] in
            while !Task.isCancelled, let self, let entry = entries[digest], entry.phase == .ready {
                guard let key = store.committed.first(where: { $0.key.version == digest && $0.isDamaged })?.key else { return }
                do throws(StoreError) {
                    if try await repair(key, of: entry) { continue }
                } catch {
                    log.error("a damaged version could not be mended yet: \(error)", metadata: ["version": "\(key)"])
                }
                try? await Task.sleep(for: .seconds(Limits.repairPauseSeconds))
            }
        }
    }

    /// Whether a version is being mended.
    func isRepairing(_ digest: Digest) -> Bool { jobs.isRunning("repair \(digest)") }

    /// - Returns: false if it was given up.
    private func repair(_ key: VariantKey, of entry: LibraryEntry) async throws(StoreError) -> Bool {
        guard let layout = entry.layout, let start = try await store.beginRepair(key) else { return false }
        entry.error = "damaged on disk; it is being mended from its neighbours"
        log.notice("a damaged version is being mended", metadata: ["version": "\(key)"])
        if start.verified != start.needed {
            let held = available(entry, layout, and: start.verified)
            let needed = available(entry, layout, and: start.needed)
            driver.add(plan(entry, layout, held: held, needed: needed, seeding: .ordinary))
            guard await entry.allChunks() == .complete else {
                await store.abandonRepair(key)
                return false
            }
            _ = driver.closeFetchReport(of: entry.digest)
        }
        try await store.finishRepair(key)
        guard entries[entry.digest] === entry, entry.phase == .ready else { return true }
        entry.error = ""
        let held = available(entry, layout, and: start.needed)
        driver.add(plan(entry, layout, held: held, needed: held, seeding: .ordinary))
        log.notice("a damaged version is mended", metadata: ["version": "\(key)"])
        return true
    }

    private func available(_ entry: LibraryEntry, _ layout: Layout, and more: ChunkSet) -> ChunkSet {
        var available = store.available(entry.digest) ?? ChunkSet(capacity: layout.chunkCount)
        for index in more.indices { available.insert(index) }
        return available
    }
}
