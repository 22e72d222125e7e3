internal import EventLoop
internal import Files
internal import Logging
internal import Manifest
internal import Store
internal import Trust
internal import Units

/// Keeps the disk from filling up: says what may be deleted, deletes it when space is short, and refuses what cannot
/// fit.
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
    /// The disk was looked at: how much it would still take.
    var onReview: (@LoopActor (ByteCount) -> Void)?
    /// Deletions for space go one after the other.
    private let gate = SerialGate()
    /// Fetches, parts and repairs that were let in and are not complete, and what they will have.
    private var admitted: [SpaceClaim: ByteCount] = [:]
    private var lastClaim: UInt64 = 0

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
        // Nothing is deleted before inference processes had time to say what they hold.
        jobs.start("disk") { [weak self] in await self?.tellRoom() }
        self.timer = timer
    }

    func close() { timer?.close() }

    private static let interval = Duration.seconds(Limits.diskReviewSeconds)

    /// What is here, and what of it may go.
    func plan() async -> CollectionPlan { plan(mapped: await mapped()) }

    private func mapped() async -> Set<String> {
        let modelsFolder = "\(store.folder)/models/"
        return (try? await ThreadPool.run { MappedFiles.paths(below: modelsFolder) }) ?? []
    }

    private func plan(mapped: Set<String>) -> CollectionPlan {
        let (variants, needed, pinned) = (store.committed, wanted(), pinned)
        let held = Set(rollouts.heldVariants.map(\.version))
        var reasons: [VariantKey: CollectionPlan.Reason] = [:]
        var ages: [Digest: CollectionPlan.Age] = [:]
        for variant in variants {
            let (key, model) = (variant.key, variant.model)
            let manifest = trust.manifest(key.version)?.value
            ages[key.version] = manifest.map { .init(created: $0.created, publishNumber: $0.publishNumber) }
            reasons[key] =
                if store.current(model) == key {
                    .current
                } else if store.previous(model) == key {
                    .previous
                } else if held.contains(key.version) || mapped.contains(where: { $0.hasPrefix(variant.folder + "/") }) {
                    .inUse
                } else if pinned.contains(key.version) {
                    .pinned
                } else if needed.contains(key.version) {
                    .wanted
                } else {
                    isReleased(manifest) ? nil : .unreleased
                }
        }
        return CollectionPlan(variants, ages: ages, reasons: reasons)
    }

    /// By any head: whether a selector means this node is for the rollout to say.
    private var pinned: Set<Digest> {
        Set(
            trust.heads.values.flatMap {
                $0.value.rollout.pins.map(\.version) + [$0.value.rollout.base].compactMap(\.self)
            })
    }

    /// Whether a channel names this version or a newer one. One without its manifest can be released no more.
    private func isReleased(_ manifest: Manifest?) -> Bool {
        guard let manifest else { return true }
        return trust.heads.values.contains { head in
            guard head.value.channel.model == manifest.model else { return false }
            return trust.manifest(head.value.version).map { $0.value.publishNumber >= manifest.publishNumber } ?? false
        }
    }

    /// Deletes what may go: all of it, or as little as gives `enough`.
    func collect(
        until enough: (@LoopActor () async throws(StoreError) -> Bool)? = nil
    ) async throws(StoreError) {
        await gate.enter()
        defer { gate.leave() }
        try await collectInTurn(until: enough)
    }

    private func collectInTurn(
        until enough: (@LoopActor () async throws(StoreError) -> Bool)?
    ) async throws(StoreError) {
        if let enough, try await enough() { return }
        if try await removeAbandoned(until: enough) { return }
        for (version, model, _) in await plan().versions {
            let mapped = await mapped()
            do throws(StoreError) {
                // Much may have changed while others were deleted.
                try await library.remove(version) { [self] key in
                    plan(mapped: mapped).items.contains { $0.variant.key == key && $0.keptBecause != nil }
                }
            } catch {
                log.notice("a version was not deleted: \(error)", metadata: ["version": "\(version.short)"])
                continue
            }
            rollouts.noteUnavailable(version, of: model)
            log.notice(
                "a version is deleted to free space", metadata: ["model": "\(model)", "version": "\(version.short)"])
            if let enough, try await enough() { return }
        }
    }

    /// Fetches that nobody wants any more go first.
    /// - Returns: whether that was enough.
    private func removeAbandoned(
        until enough: (@LoopActor () async throws(StoreError) -> Bool)?
    ) async throws(StoreError) -> Bool {
        for abandoned in library.abandoned {
            try? await library.remove(abandoned)
            if let enough, try await enough() { return true }
        }
        return false
    }

    /// Makes room for what a fetch will write; nothing is deleted where that would not be enough.
    /// - Parameters:
    ///   - byteCount: what the quota will count: the whole variant, or nothing if it is here already.
    ///   - spaceMax: no more than this will be written.
    ///   - space: what it will take on the disk, which is work to find out; asked again after each deletion, since
    ///     blocks were shared perhaps.
    /// - Returns: the room, which counts for the quota until it is released.
    /// - Throws: `.diskFull`, before the first byte, with what is needed and what there is.
    func admit(
        _ key: VariantKey, _ byteCount: ByteCount, spaceMax: ByteCount,
        space: @escaping @LoopActor () async throws(StoreError) -> ByteCount
    ) async throws(StoreError) -> SpaceClaim {
        await gate.enter()
        defer { gate.leave() }
        let hasRoomNow = { @LoopActor [self] (free: ByteCount) async throws(StoreError) -> Bool in
            try await hasRoom(for: try await space(), byteCount, to: free)
        }
        let (freeMin, freeTarget) = (limits.freeMin, limits.freeTarget)
        if try await hasRoom(for: spaceMax, byteCount, to: freeMin) { return claim(byteCount) }
        if try await hasRoomNow(freeMin) { return claim(byteCount) }
        if try await removeAbandoned(until: { () async throws(StoreError) in try await hasRoomNow(freeMin) }) {
            return claim(byteCount)
        }
        let gain = await plan().versions.reduce(0 as ByteCount) { $0 + $1.byteCount }
        guard try await hasRoom(for: try await space(), byteCount, to: freeMin, after: gain) else {
            throw await refusal(of: key, try await space())
        }
        try await collectInTurn { () async throws(StoreError) in try await hasRoomNow(freeTarget) }
        guard try await hasRoomNow(freeMin) else { throw await refusal(of: key, try await space()) }
        return claim(byteCount)
    }

    private func claim(_ byteCount: ByteCount) -> SpaceClaim {
        lastClaim += 1
        admitted[SpaceClaim(number: lastClaim)] = byteCount
        return SpaceClaim(number: lastClaim)
    }

    /// Whoever was let in is done, or waits for its next attempt.
    func release(_ claim: SpaceClaim?) {
        if let claim { admitted[claim] = nil }
    }

    private func refusal(of key: VariantKey, _ needed: ByteCount) async -> StoreError {
        let free = (try? await store.freeByteCount()) ?? 0
        let quota = limits.quota.map { ", \($0) are allowed of which versions take \(usedByteCount)" } ?? ""
        return StoreError(
            .diskFull, "admit", of: key.version.short,
            "\(needed) bytes are needed, \(free) are free of which \(limits.freeMin) are to stay so\(quota): "
                + "free space on it, or change `disk` in the configuration; `shoal gc --dry-run` says what stays"
        )
    }

    private func review() async {
        await keepFree()
        await tellRoom()
    }

    private func tellRoom() async {
        if let room = await room() { onReview?(room) }
    }

    /// How much a new version may take here, once what may be deleted for it is; nil if the disk does not say.
    private func room() async -> ByteCount? {
        guard let free = try? await store.freeByteCount() else { return nil }
        // What processes have mapped takes long to find out, and matters only where something could go.
        let plan = plan(mapped: []).versions.isEmpty ? nil : await plan()
        let gain = plan?.versions.reduce(0) { $0 + $1.byteCount.value } ?? 0
        let onDisk = free.value + gain - limits.freeMin.value
        let allowed = limits.quota.map { $0.value + gain - usedByteCount.value } ?? .max
        return ByteCount(max(0, min(onDisk, allowed)))
    }

    private func keepFree() async {
        guard (try? await hasRoom(for: 0, 0, to: limits.freeMin)) == false else { return }
        do throws(StoreError) {
            try await collect { [self] () async throws(StoreError) in
                try await hasRoom(for: 0, 0, to: limits.freeTarget)
            }
        } catch {
            log.error("space could not be freed: \(error)")
        }
    }

    /// What is complete, and what is being fetched.
    private var usedByteCount: ByteCount {
        let complete = store.committed.reduce(0 as ByteCount) { $0 + $1.byteCount }
        return admitted.values.reduce(complete) { $0 + $1 }
    }

    private func hasRoom(
        for space: ByteCount, _ byteCount: ByteCount, to free: ByteCount, after gain: ByteCount = 0
    ) async throws(StoreError) -> Bool {
        if let quota = limits.quota, usedByteCount + byteCount > quota + gain { return false }
        return try await store.freeByteCount() + gain >= space + free
    }
}

/// Room that one fetch, part or repair was given. Two of one variant have each their own.
struct SpaceClaim: Hashable {
    fileprivate let number: UInt64
}
