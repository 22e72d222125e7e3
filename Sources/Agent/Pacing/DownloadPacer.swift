internal import EventLoop
internal import Units

/// Holds downloads to the rates that are in force: a link that brought more than is allowed is not read for a while,
/// and TCP slows its sender down.
///
/// Reads are short while there is a limit, so that no link is left unread for long: a neighbour that is not read would
/// pass for a silent one. (The core asks for less at once meanwhile, so that little waits in the sockets.)
@LoopActor
final class DownloadPacer {
    private var ledger = PaceLedger()
    private var paused: [(link: NeighbourLink, linkClass: LinkClass)] = []
    private var timer: LoopTimer?

    init() {
        timer = LoopTimer { [weak self] in self?.serve() }
    }

    /// Other rates from now on.
    func setRates(_ rates: PaceRates) {
        ledger.setRates(rates, now: Clock.now())
        serve()
    }

    /// Stops the clock.
    func close() {
        timer?.close()
        timer = nil
        paused.removeAll()
    }

    /// What one read of a link may bring.
    func readByteCount(for linkClass: LinkClass) -> Int {
        ledger.pieceByteCount(for: linkClass, atMost: Limits.readBufferByteCount)
    }

    /// So much came.
    func note(_ byteCount: Int, from link: NeighbourLink, _ linkClass: LinkClass) {
        guard ledger.isLimited(linkClass) else { return }
        let now = Clock.now()
        ledger.take(byteCount, over: linkClass, now: now)
        guard ledger.wait(for: linkClass, now: now) > .zero, !paused.contains(where: { $0.link === link }) else {
            return
        }
        link.pauseReading(for: .limit)
        paused.append((link, linkClass))
        wakeWhenDue(now)
    }

    private func serve() {
        let now = Clock.now()
        let due = paused.filter { $0.link.isEnded || ledger.wait(for: $0.linkClass, now: now) == .zero }
        paused.removeAll { entry in due.contains { $0.link === entry.link } }
        for entry in due where !entry.link.isEnded { entry.link.resumeReading(for: .limit) }
        wakeWhenDue(now)
    }

    private func wakeWhenDue(_ now: Instant) {
        guard let soonest = paused.map({ ledger.wait(for: $0.linkClass, now: now) }).min() else { return }
        timer?.start(after: max(.milliseconds(1), soonest))
    }
}
