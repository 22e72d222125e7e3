import OrderedCollections
public import Units
import Wire

/// What each fetch's time goes to.
extension Swarm {
    // MARK: From the shell

    /// How long hashing and writing one chunk took. It changes what is reported, and nothing that is done.
    public mutating func noteCheck(hashing: Duration, writing: Duration) {
        checkTimes.add(hashing: hashing, writing: writing)
    }

    /// What the configuration lets come in, in bytes a second; nil for no limit. For reports alone.
    public mutating func noteDownlinkLimit(_ bytesPerSecond: Double?) { downlinkGauge.configured = bytesPerSecond }

    // MARK: Booking

    /// A plan came in: if something is missing by it, its fetch is accounted for from now on.
    mutating func openAccount(of version: Digest) {
        guard let exchange = exchanges[version], !exchange.isSatisfied else { return }
        var account = exchange.account ?? FetchAccount(at: clock, wastedBefore: exchange.wastedByteCount)
        let useful = account.receivedByteCount - (exchange.wastedByteCount - account.wastedBefore)
        account.expectedByteCount = useful + exchange.byteCount(of: exchange.needed) { !exchange.held.contains($0) }
        exchanges[version]?.account = account
    }

    /// Books the time up to now, and what it goes to from now on. O(1) for a fetch that has requests open.
    mutating func noteHoldUps() {
        for index in exchanges.values.indices {
            guard exchanges.values[index].account != nil else { continue }
            let isSatisfied = exchanges.values[index].isSatisfied
            let state = isSatisfied ? nil : holdUp(ofVersionAt: index)
            exchanges.values[index].account?.ledger.enter(state, at: clock)
        }
    }

    /// In place: it is asked after nearly each event, and a copy of the exchange costs more than the answer.
    private func holdUp(ofVersionAt index: Int) -> HoldUp {
        if let until = exchanges.values[index].pausedUntil, until > clock { return .disk }
        let openCount = exchanges.values[index].account?.openCount ?? 0
        if exchanges.values[index].pending.count > openCount {
            let isOnlyChecking = exchanges.values[index].wanted.isEmpty && openCount == 0
            if isOnlyChecking || isFullOfUnchecked(exchanges.values[index].meanByteCount) { return checkTimes.longer }
        }
        if openCount > 0 || hasSource(forVersionAt: index) {
            return downlinkGauge.isFull(at: clock) ? .ownLink : .source
        }
        return .waiting
    }

    private func hasSource(forVersionAt index: Int) -> Bool {
        let exchange = exchanges.values[index]
        return exchange.views.values.contains { exchange.hasUse(of: $0) }
    }

    /// Nothing more is asked for, and most of what fills the memory has come and waits for its check.
    private func isFullOfUnchecked(_ meanByteCount: Int) -> Bool {
        let isFull = unverifiedByteCount + meanByteCount > limits.unverifiedByteCountMax
        return isFull && 2 * outstandingByteCount <= unverifiedByteCount
    }

    /// Payload that was asked for came.
    mutating func noteArrival(of byteCount: Int, for version: Digest, from node: NodeID) {
        if let place = exchanges.index(forKey: version) {
            exchanges.values[place].account?.noteData(byteCount, from: node, at: clock)
        }
        if downlinkGauge.isRunning, let place = neighbours.index(forKey: node) {
            neighbours.values[place].gauge.add(byteCount)
        }
        guard let length = downlinkGauge.add(byteCount, at: clock) else { return }
        var potential = 0.0
        for index in neighbours.values.indices {
            potential += neighbours.values[index].gauge.endWindow(of: length)
        }
        downlinkGauge.endWindow(of: length, potential: potential, at: clock)
        noteHoldUps()
    }

    /// It lost its requests to others: each fetch that it gave to remembers that.
    mutating func noteFault(_ fault: WritableKeyPath<FetchAccount.Source, Int>, of node: NodeID) {
        for index in exchanges.values.indices { exchanges.values[index].account?.note(fault, ifKnown: node) }
    }

    // MARK: Reports

    /// What this node's downlink takes, for judging how fast a fetch is.
    public var downlinkLimit: DownlinkLimit {
        if let configured = downlinkGauge.configured { return .configured(configured) }
        return downlinkGauge.best > 0 ? .measured(downlinkGauge.best) : .unknown
    }

    /// How a version is being or was fetched; nil if nothing of it was missing since the last `closeFetchReport`.
    public func fetchReport(_ version: Digest, now: Instant) -> FetchReport? {
        guard let exchange = exchanges[version], let account = exchange.account else { return nil }
        let sources = account.sources.map { node, source in
            FetchReport.SourceReport(
                node: node, receivedByteCount: source.receivedByteCount, busy: source.busy(at: now),
                rejectedChunkCount: source.rejectedChunkCount, silenceCount: source.silenceCount,
                slowCount: source.slowCount)
        }
        return FetchReport(
            times: account.ledger.times(at: now), holdUp: account.ledger.state,
            receivedByteCount: account.receivedByteCount,
            wastedByteCount: exchange.wastedByteCount - account.wastedBefore,
            expectedByteCount: account.expectedByteCount, bytesPerSecond: account.rate.current(at: now),
            sources: sources.sorted { ($1.receivedByteCount, $0.node) < ($0.receivedByteCount, $1.node) })
    }

    /// The last report of a fetch; the next one of the version begins anew.
    public mutating func closeFetchReport(of version: Digest, now: Instant) -> FetchReport? {
        let report = fetchReport(version, now: now)
        exchanges[version]?.account = nil
        return report
    }
}
