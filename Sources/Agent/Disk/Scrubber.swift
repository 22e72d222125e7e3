internal import EventLoop
internal import Logging
internal import Manifest
internal import Store
internal import Units

/// Hashes what is on disk again within a number of days, slowly; at once what looks changed. What it finds damaged is
/// withdrawn by the store and mended by the library.
@LoopActor
final class Scrubber {
    private let store: Store
    private let isReady: @LoopActor (VariantKey) -> Bool
    private let onIntact: @LoopActor (VariantKey) -> Void
    /// In how many days everything is hashed again; nil if nothing is.
    private let days: Int64?
    private let jobs: Jobs
    private let log: Logger
    private var timer: LoopTimer?

    init(
        store: Store, days: Int64?, jobs: Jobs, log: Logger, isReady: @escaping @LoopActor (VariantKey) -> Bool,
        onIntact: @escaping @LoopActor (VariantKey) -> Void
    ) {
        self.onIntact = onIntact
        self.store = store
        self.days = days
        self.jobs = jobs
        self.log = log
        self.isReady = isReady
    }

    /// Begins with what looked changed when the agent started.
    func start() {
        let timer = LoopTimer { [weak self] in
            self?.jobs.start("scrub") { [weak self] in await self?.scrub() }
        }
        timer.start(after: .seconds(1), repeating: .seconds(Limits.scrubReviewSeconds))
        self.timer = timer
    }

    func close() { timer?.close() }

    private func scrub() async {
        while !Task.isCancelled, let variant = next {
            let isSuspect = !variant.suspectFiles.isEmpty
            do throws(StoreError) {
                let report = try await store.verify(variant.key, pace: isSuspect ? nil : pace)
                guard !report.isIntact else {
                    onIntact(variant.key)
                    // Something else changed it meanwhile, so that the check did not count: it is due again later.
                    guard store.committed(variant.key)?.checked != variant.checked else { return }
                    continue
                }
                log.error(
                    "damage was found on disk",
                    metadata: ["version": "\(variant.key)", "chunks": "\(report.damaged.count)"])
                return
            } catch {
                log.warning("a version could not be hashed again: \(error)", metadata: ["version": "\(variant.key)"])
                return
            }
        }
    }

    /// What looks changed and is not known to be damaged; else what was hashed longest ago, if that is too long.
    private var next: CommittedVariant? {
        let ready = store.committed.filter { isReady($0.key) && $0.damaged.isEmpty }
        if let suspect = ready.first(where: { !$0.suspectFiles.isEmpty }) { return suspect }
        guard let days else { return nil }
        let oldest = ready.min { seconds($0) < seconds($1) }
        // The other half of the time is for hashing it.
        let due = Clock.wallTime().secondsSince1970 - days * 86_400 / 2
        return oldest.flatMap { seconds($0) <= due ? $0 : nil }
    }

    private func seconds(_ variant: CommittedVariant) -> Int64 { variant.checked?.secondsSince1970 ?? 0 }

    /// All of it in half of the time.
    private var pace: ByteRate? {
        let byteCount = store.committed.reduce(0 as Int64) { $0 + $1.byteCount.value }
        let rate = 2 * byteCount / max(1, (days ?? 1) * 86_400)
        return ByteRate(bytesPerSecond: max(Limits.scrubBytesPerSecondMin, rate))
    }
}
