internal import Control
internal import EventLoop
internal import Logging
internal import Manifest
internal import Swarm
internal import Units

/// The fetches that are under way, and the last ones that were completed.
///
/// A fetch begins when somebody wants a version that is not here, and is closed once the version is durable. While its
/// chunks are fetched the swarm books its time, otherwise this does.
@LoopActor
final class FetchBook {
    private struct Fetch {
        let began: Instant
        let startedAt: WallTime
        var ledger = FetchLedger()
        var reusedByteCount: Int64 = 0
    }

    /// Newest first.
    private(set) var recent: [FetchStatus] = []
    private var underWay: [Digest: Fetch] = [:]
    private let driver: ChunkDriver
    private let directory: NeighbourDirectory
    private let log: Logger

    init(driver: ChunkDriver, directory: NeighbourDirectory, log: Logger) {
        self.driver = driver
        self.directory = directory
        self.log = log
    }

    /// The version is to be fetched. Nothing happens if that is known.
    func begin(_ digest: Digest) {
        guard underWay[digest] == nil else { return }
        var fetch = Fetch(began: Clock.now(), startedAt: Clock.wallTime())
        fetch.ledger.enter(.waiting, at: fetch.began)
        underWay[digest] = fetch
    }

    /// The version's phase changed, and with it what the time goes to.
    func follow(_ entry: LibraryEntry) {
        underWay[entry.digest]?.ledger.enter(holdUp(in: entry.phase), at: Clock.now())
    }

    private func holdUp(in phase: LibraryEntry.Phase) -> HoldUp? {
        switch phase {
        // Its documents are awaited.
        case .waiting, .fetching: .waiting
        case .verifying: .hashing
        // What fails before or after the chunks came is the disk.
        case .committing, .failed: .disk
        case .ready: nil
        }
    }

    /// The swarm books the time from now on, until the phase changes.
    /// - Parameter reusedByteCount: what is here already.
    func handOver(_ digest: Digest, reusedByteCount: ByteCount) {
        underWay[digest]?.ledger.enter(nil, at: Clock.now())
        // A fetch that goes on after an error has received some of that itself.
        let received = driver.core.fetchReport(digest, now: Clock.now())?.usefulByteCount ?? 0
        underWay[digest]?.reusedByteCount = max(0, reusedByteCount.value - received)
    }

    /// The fetch ends without being completed by what it fetched.
    func drop(_ digest: Digest) { underWay[digest] = nil }

    /// The version is durable here: says what it took, and remembers it.
    func close(_ entry: LibraryEntry) {
        guard let fetch = underWay.removeValue(forKey: entry.digest) else { return }
        let report = driver.closeFetchReport(of: entry.digest)
        var summary = summary(of: fetch, entry, report)
        summary.endedAt = Clock.wallTime()
        let row = summary.status()
        recent.insert(row, at: 0)
        if recent.count > Limits.recentFetchCountMax { recent.removeLast() }
        log.notice("a fetch is complete", metadata: row.metadata)
    }

    /// How a fetch is doing; nil if it is not under way.
    func status(of entry: LibraryEntry) -> FetchStatus? {
        guard let fetch = underWay[entry.digest] else { return nil }
        return summary(of: fetch, entry, driver.core.fetchReport(entry.digest, now: Clock.now())).status()
    }

    private func summary(of fetch: Fetch, _ entry: LibraryEntry, _ report: FetchReport?) -> FetchSummary {
        let now = Clock.now()
        return FetchSummary(
            model: entry.model.text, version: entry.digest.hex, tag: entry.manifest?.value.tag.text ?? "",
            startedAt: fetch.startedAt, elapsed: now - fetch.began, shellTimes: fetch.ledger.times(at: now),
            shellHoldUp: fetch.ledger.state, report: report, limit: driver.core.downlinkLimit,
            reusedByteCount: fetch.reusedByteCount,
            fileByteCount: entry.manifest?.value.variant(entry.variant)?.byteCount.value ?? 0,
            name: { [directory] in directory.records[$0]?.name ?? String($0.hex.prefix(8)) })
    }
}
