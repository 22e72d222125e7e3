internal import EventLoop
internal import Files
internal import Logging
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// Keeps the disk from filling up: says what may be deleted, deletes it when space is short, and refuses what cannot fit.
@LoopActor
final class DiskKeeper {
    private let store: Store
    private let trust: Trust
    private let library: Library
    private let rollouts: RolloutDriver
    /// Versions that a followed channel names or `get` asked for.
    private let wanted: @LoopActor () -> Set<Digest>
    private let limits: DiskLimits
    private let jobs: Jobs
    private let log: Logger
    private var timer: LoopTimer?
    /// Deletions for space go one after the other.
    private let gate = SerialGate()

    init(
        store: Store, trust: Trust, library: Library, rollouts: RolloutDriver, limits: DiskLimits, jobs: Jobs,
        log: Logger, wanted: @escaping @LoopActor () -> Set<Digest>
    ) {
        self.store = store
        self.trust = trust
        self.library = library
        self.rollouts = rollouts
        self.limits = limits
        self.jobs = jobs
        self.log = log
        self.wanted = wanted
    }

    /// Looks at the disk from time to time, since others fill it too.
    func start() {
        let timer = LoopTimer { [weak self] in
            self?.jobs.start("disk") { [weak self] in await self?.review() }
        }
        timer.start(after: Self.interval, repeating: Self.interval)
        self.timer = timer
    }

    func close() { timer?.close() }

    private static let interval = Duration.seconds(Limits.diskReviewSeconds)

    /// What is here, and what of it may go.
    func plan() async -> CollectionPlan {
        let held = rollouts.heldVariants
        let mapped = (try? await ThreadPool.run { MappedFiles.paths() }) ?? []
        var reasons: [VariantKey: CollectionPlan.Reason] = [:]
        for variant in store.committed {
            reasons[variant.key] = reason(variant, held: held, mapped: mapped)
        }
        let ages = store.committed.compactMap { variant in
            trust.manifest(variant.key.version).map { manifest in
                let value = manifest.value
                return (
                    variant.key.version,
                    CollectionPlan.Age(created: value.created, publishNumber: value.publishNumber)
                )
            }
        }
        return CollectionPlan(
            store.committed, ages: Dictionary(ages, uniquingKeysWith: { first, _ in first }), reasons: reasons)
    }

    private func reason(
        _ variant: CommittedVariant, held: Set<VariantKey>, mapped: Set<String>
    ) -> CollectionPlan.Reason? {
        let (key, model) = (variant.key, variant.model)
        if store.current(model) == key { return .current }
        if store.previous(model) == key { return .previous }
        if held.contains(key) || mapped.contains(where: { $0.hasPrefix(variant.folder + "/") }) { return .inUse }
        if pinned.contains(key.version) { return .pinned }
        return wanted().contains(key.version) ? .wanted : nil
    }

    /// By any head: whether a selector means this node is for the rollout to say.
    private var pinned: Set<Digest> { Set(trust.heads.values.flatMap { $0.value.rollout.pins.map(\.version) }) }

    /// Deletes what may go: all of it, or as little as gives `enough`.
    /// - Returns: what was deleted.
    func collect(
        until enough: (@LoopActor () async throws(StoreError) -> Bool)? = nil
    ) async throws(StoreError) -> [CollectionPlan.Item] {
        await gate.enter()
        defer { gate.leave() }
        var gone: [CollectionPlan.Item] = []
        if let enough, try await enough() { return gone }
        for item in await plan().collectable {
            let (key, model) = (item.variant.key, item.variant.model)
            guard await plan().collectable.contains(where: { $0.variant.key == key }) else { continue }
            try await library.remove(key.version, protecting: rollouts.heldVariants)
            rollouts.noteUnavailable(key.version, of: model)
            log.notice(
                "a version is deleted to free space", metadata: ["model": "\(model)", "version": "\(key.version.short)"])
            gone.append(item)
            if let enough, try await enough() { break }
        }
        return gone
    }

    /// Makes room for what a fetch will write.
    /// - Throws: `.diskFull`, before the first byte, with what is needed and what there is.
    func admit(_ byteCount: ByteCount, of key: VariantKey) async throws(StoreError) {
        _ = try await collect { [self] () async throws(StoreError) in try await hasRoom(for: byteCount, to: limits.freeMin) }
        guard try await hasRoom(for: byteCount, to: limits.freeMin) else {
            let (free, used) = (try await store.freeByteCount(), usedByteCount)
            let quota = limits.quota.map { ", \($0) are allowed of which versions take \(used)" } ?? ""
            throw StoreError(
                .diskFull, "admit", of: key.version.short,
                "\(byteCount) bytes are needed, \(free) are free of which \(limits.freeMin) are to stay so\(quota): "
                    + "free space on it, or change `disk` in the configuration; `shoal gc --dry-run` says what stays, and why")
        }
    }

    private func review() async {
        guard (try? await hasRoom(for: 0, to: limits.freeMin)) == false else { return }
        do throws(StoreError) {
            _ = try await collect { [self] () async throws(StoreError) in
                try await hasRoom(for: 0, to: limits.freeTarget)
            }
        } catch {
            log.error("space could not be freed: \(error)")
        }
    }

    private var usedByteCount: ByteCount { store.committed.reduce(0) { $0 + $1.byteCount } }

    private func hasRoom(for byteCount: ByteCount, to free: ByteCount) async throws(StoreError) -> Bool {
        if let quota = limits.quota, usedByteCount + byteCount > quota { return false }
        return try await store.freeByteCount() >= byteCount + free
    }
}
