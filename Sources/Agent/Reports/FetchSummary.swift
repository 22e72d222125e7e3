internal import Control
internal import Logging
internal import Swarm
internal import Units

/// Puts together what the shell and the swarm know of one fetch, for `shoal status` and for the log.
///
/// The shell books the time before the first plan and after the last chunk, the swarm the time in between.
struct FetchSummary {
    let model: String
    let version: String
    let tag: String
    let startedAt: WallTime
    let elapsed: Duration
    /// Set once it is over.
    var endedAt: WallTime?
    /// The shell's part of the time.
    let shellTimes: HoldUpTimes
    /// What the time goes to now, where that is the shell's to say.
    let shellHoldUp: HoldUp?
    /// The swarm's part; nil before the first plan.
    let report: FetchReport?
    let limit: DownlinkLimit
    let reusedByteCount: Int64
    /// The size of the version's files, for as long as nothing better is known.
    let fileByteCount: Int64
    let name: (NodeID) -> String

    func status() -> FetchStatus {
        var row = FetchStatus(model: model, version: version, tag: tag, startedAt: startedAt.description)
        row.endedAt = endedAt?.description ?? ""
        row.seconds = Self.rounded(elapsed.inSeconds)
        row.reusedBytes = reusedByteCount
        row.bytesTotal = report.map { reusedByteCount + $0.expectedByteCount } ?? fileByteCount
        fillRates(of: &row)
        row.heldUpBy = endedAt == nil ? (shellHoldUp ?? report?.holdUp)?.rawValue ?? "" : ""
        let times = shellTimes + (report?.times ?? HoldUpTimes())
        row.mainHoldUp = times.main?.rawValue ?? ""
        row.shares = Self.shares(of: times)
        fillSources(of: &row)
        return row
    }

    private func fillRates(of row: inout FetchStatus) {
        let useful = report?.usefulByteCount ?? 0
        row.bytesDone = min(row.bytesTotal, reusedByteCount + useful)
        row.receivedBytes = report?.receivedByteCount ?? 0
        row.wastedBytes = report?.wastedByteCount ?? 0
        let mean = elapsed > .zero ? Double(useful) / elapsed.inSeconds : 0
        // What came over the whole time was measured too: a short fetch may have had no better half second.
        let most = if case .measured(let best) = limit { max(best, mean) } else { limit.bytesPerSecond }
        row.limitBytesPerSecond = Self.whole(most)
        switch limit {
        case .unknown: row.limitFrom = ""
        case .measured: row.limitFrom = "measured"
        case .configured: row.limitFrom = "configured"
        }
        row.meanBytesPerSecond = Self.whole(mean)
        if most > 0 { row.efficiency = Self.rounded(mean / most) }
        guard endedAt == nil, let report else { return }
        row.bytesPerSecond = Self.whole(report.bytesPerSecond)
        // Less than a byte a second is no rate to reckon with.
        guard report.bytesPerSecond >= 1 else { return }
        row.secondsLeft = Self.rounded(Double(row.bytesTotal - row.bytesDone) / report.bytesPerSecond)
    }

    private func fillSources(of row: inout FetchStatus) {
        guard let report else { return }
        row.refusedChunks = report.sources.reduce(0) { $0 + $1.rejectedChunkCount }
        row.sources = report.sources.prefix(Limits.reportedSourceCountMax).map { source in
            .init(
                id: source.node.hex, name: name(source.node), bytes: source.receivedByteCount,
                busySeconds: Self.rounded(source.busy.inSeconds), bytesPerSecond: Self.whole(source.bytesPerSecond),
                refusedChunks: source.rejectedChunkCount)
        }
        guard let slowest = report.slowestSource else { return }
        row.slowestSource = .init(
            id: slowest.node.hex, name: name(slowest.node), bytesPerSecond: Self.whole(slowest.bytesPerSecond),
            cause: Self.cause(of: slowest))
    }

    private static func cause(of source: FetchReport.SourceReport) -> String {
        if source.rejectedChunkCount > 0 { return "wrong-bytes" }
        if source.silenceCount > 0 { return "silent" }
        return source.slowCount > 0 ? "far-slower" : "slow"
    }

    private static func shares(of times: HoldUpTimes) -> FetchStatus.Shares {
        let thousandths = times.thousandths
        func share(_ holdUp: HoldUp) -> Double { Double(thousandths[holdUp] ?? 0) / 1000 }
        var shares = FetchStatus.Shares()
        shares.waiting = share(.waiting)
        shares.source = share(.source)
        shares.ownLink = share(.ownLink)
        shares.hashing = share(.hashing)
        shares.disk = share(.disk)
        return shares
    }

    private static func whole(_ number: Double) -> Int64 { Int64(min(number, 1e15).rounded()) }

    /// To three decimals, and within what a reader may want to add up.
    private static func rounded(_ number: Double) -> Double { (min(number, 1e9) * 1000).rounded() / 1000 }
}

extension FetchStatus {
    /// The closing event: what the row says, as the log's metadata.
    var metadata: Logger.Metadata {
        var values: [String: String] = [
            "event": "fetch-completed", "model": model, "version": String(version.prefix(12)), "tag": tag,
            "bytes": "\(bytesTotal)", "seconds": "\(seconds)", "received": "\(receivedBytes)",
            "reused": "\(reusedBytes)", "wasted": "\(wastedBytes)", "chunks-refused": "\(refusedChunks)",
            "rate": "\(meanBytesPerSecond)", "limit": "\(limitBytesPerSecond)", "limit-from": limitFrom,
            "efficiency": "\(efficiency)", "held-up-by": mainHoldUp, "waiting": "\(shares.waiting)",
            "source": "\(shares.source)", "own-link": "\(shares.ownLink)", "hashing": "\(shares.hashing)",
            "disk": "\(shares.disk)",
            "sources": sources.map { "\($0.name):\($0.bytes)" }.joined(separator: ","),
        ]
        if let slowestSource {
            values["slowest-source"] = slowestSource.name
            values["slowest-rate"] = "\(slowestSource.bytesPerSecond)"
            values["slowest-cause"] = slowestSource.cause
        }
        return values.mapValues { .string($0) }
    }
}
