internal import EventLoop
internal import Manifest
internal import Store
internal import Swarm
internal import Units

/// Fetches of some files of a version, for a command that copies them away and says when it is done.
@LoopActor
final class PartFetches {
    private struct Part {
        let key: VariantKey
        var isComplete: Bool
        /// Whoever wanted it may have died.
        let expiry: LoopTimer
    }

    private var parts: [Digest: Part] = [:]
    private let store: Store
    private let driver: ChunkDriver
    private let disk: DiskKeeper
    private let jobs: Jobs

    init(store: Store, driver: ChunkDriver, disk: DiskKeeper, jobs: Jobs) {
        self.store = store
        self.driver = driver
        self.disk = disk
        self.jobs = jobs
    }

    /// Begins to fetch some of a variant's files.
    /// - Returns: the folder in which they come to be.
    /// - Throws: `.busy` if anything of the version is here; `.diskFull` before the first byte.
    func begin(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName, files: [FileEntry]
    ) async throws(StoreError) -> String {
        let key = VariantKey(version: manifest.digest, variant: variant)
        let byteCount = files.reduce(0 as ByteCount) { $0 + $1.byteCount }
        try await disk.admit(key, byteCount, spaceMax: byteCount) { () async throws(StoreError) in byteCount }
        do throws(StoreError) {
            let (start, folder) = try await store.beginPart(
                manifest, layout, variant: variant, files: Set(files.map(\.path)))
            parts[key.version] = Part(
                key: key, isComplete: start.verified.isSuperset(of: start.needed), expiry: expiry(of: key.version))
            driver.add(
                VersionPlan(
                    version: key.version, model: manifest.value.model, chunkByteCounts: layout.lengths,
                    held: start.verified, needed: start.needed, seeding: .ordinary))
            return folder
        } catch {
            disk.release(key)
            throw error
        }
    }

    /// The swarm has everything that a version needs here.
    func completed(_ version: Digest) { parts[version]?.isComplete = true }

    /// Whether all files are there; nil if the part is gone.
    func isComplete(_ version: Digest) -> Bool? { parts[version]?.isComplete }

    /// The files are copied, or nobody wants them any more.
    func end(_ version: Digest) async {
        guard let part = parts.removeValue(forKey: version) else { return }
        part.expiry.close()
        driver.remove(version, because: .unwanted)
        await store.endPart(part.key)
        disk.release(part.key)
    }

    private func expiry(of version: Digest) -> LoopTimer {
        let timer = LoopTimer { [weak self] in
            self?.jobs.start("part \(version)") { [weak self] in await self?.end(version) }
        }
        timer.start(after: .seconds(Limits.waitSecondsMax))
        return timer
    }
}
