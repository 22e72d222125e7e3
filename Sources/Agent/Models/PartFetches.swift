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
        let claim: SpaceClaim?
        var isComplete: Bool
        /// Whoever wanted it may have died.
        let expiry: LoopTimer
    }

    /// A part is gone.
    var onEnd: (@LoopActor (Digest) -> Void)?

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

    /// The versions of which a part is here.
    var versions: [Digest] { parts.keys.sorted() }

    /// Begins to fetch some of a variant's files.
    /// - Returns: the folder in which they come to be.
    /// - Throws: `.busy` if anything of the version is here; `.diskFull` before the first byte.
    func begin(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName, files: [FileEntry]
    ) async throws(StoreError) -> String {
        let key = VariantKey(version: manifest.digest, variant: variant)
        var claim = parts[key.version]?.claim
        let isNew = !store.hasAny(of: key.version) && !store.hasPart(of: key.version)
        if isNew {
            let byteCount = files.reduce(0 as ByteCount) { $0 + $1.byteCount }
            claim = try await disk.admit(key, byteCount, spaceMax: byteCount) { () async throws(StoreError) in byteCount
            }
        }
        let start: FetchStart
        let folder: String
        do throws(StoreError) {
            (start, folder) = try await store.beginPart(
                manifest, layout, variant: variant, files: Set(files.map(\.path)))
        } catch {
            if isNew { disk.release(claim) }
            throw error
        }
        parts[key.version] = Part(key: key, claim: claim, isComplete: false, expiry: expiry(of: key.version))
        if start.verified.isSuperset(of: start.needed) { completed(key.version) }
        driver.add(
            VersionPlan(
                version: key.version, model: manifest.value.model, chunkByteCounts: layout.lengths,
                held: start.verified, needed: start.needed, seeding: .ordinary))
        return folder
    }

    /// The swarm has everything that a version needs here: there is some time to copy it.
    func completed(_ version: Digest) {
        guard let part = parts[version], !part.isComplete else { return }
        parts[version]?.isComplete = true
        part.expiry.start(after: .seconds(Limits.partCopySecondsMax))
    }

    /// Whether all files are there; nil if the part is gone.
    func isComplete(_ version: Digest) -> Bool? { store.hasPart(of: version) ? parts[version]?.isComplete : nil }

    /// The files are copied, or nobody wants them any more.
    func end(_ version: Digest) async {
        guard let part = parts.removeValue(forKey: version) else { return }
        part.expiry.close()
        disk.release(part.claim)
        // Published here meanwhile, or removed and fetched as a whole, the version is another's.
        if store.hasPart(of: version) { driver.remove(version, because: .unwanted) }
        await store.endPart(part.key)
        onEnd?(version)
    }

    private func expiry(of version: Digest) -> LoopTimer {
        let timer = LoopTimer { [weak self] in self?.endSoon(version) }
        timer.start(after: .seconds(Limits.waitSecondsMax))
        return timer
    }

    /// The same, from where nobody can wait.
    func endSoon(_ version: Digest) {
        jobs.start("part \(version)") { [weak self] in await self?.end(version) }
    }
}
