import OrderedCollections
import Units

/// What is remembered of a fetch, to explain it: where its time and its bytes came from.
struct FetchAccount: Sendable {
    /// Invariant: `busySince` is set while `openCount` is above 0.
    struct Source: Sendable {
        var receivedByteCount: Int64 = 0
        var rejectedChunkCount = 0
        var silenceCount = 0
        var slowCount = 0
        var openCount = 0
        var busy = Duration.zero
        var busySince: Instant?

        func busy(at now: Instant) -> Duration { busySince.map { busy + max(.zero, now - $0) } ?? busy }
    }

    var ledger = FetchLedger()
    private(set) var receivedByteCount: Int64 = 0
    private(set) var rate: SmoothedRate
    /// Requests that are outstanding.
    private(set) var openCount = 0
    /// In the order in which they were asked first.
    private(set) var sources: OrderedDictionary<NodeID, Source> = [:]

    /// Payload of the version that was of no use before the account was opened.
    let wastedBefore: Int64
    /// Useful payload that has come and is still to come, together.
    var expectedByteCount: Int64 = 0

    init(at now: Instant, wastedBefore: Int64) {
        rate = SmoothedRate(at: now)
        self.wastedBefore = wastedBefore
    }

    mutating func noteRequest(to node: NodeID, at now: Instant) {
        openCount += 1
        change(node) { source in
            source.openCount += 1
            if source.busySince == nil { source.busySince = now }
        }
    }

    mutating func noteRequestEnd(of node: NodeID, at now: Instant) {
        // A request of before the account was opened is not in it.
        openCount = max(0, openCount - 1)
        change(node) { source in
            source.openCount = max(0, source.openCount - 1)
            guard source.openCount == 0 else { return }
            source.busy = source.busy(at: now)
            source.busySince = nil
        }
    }

    mutating func noteData(_ byteCount: Int, from node: NodeID, at now: Instant) {
        receivedByteCount += Int64(byteCount)
        rate.add(byteCount, at: now)
        change(node) { $0.receivedByteCount += Int64(byteCount) }
    }

    /// Something that tells against a source.
    mutating func note(_ fault: WritableKeyPath<Source, Int>, of node: NodeID) {
        change(node) { $0[keyPath: fault] += 1 }
    }

    /// The same, if it is a source of this fetch.
    mutating func note(_ fault: WritableKeyPath<Source, Int>, ifKnown node: NodeID) {
        if let index = sources.index(forKey: node) { sources.values[index][keyPath: fault] += 1 }
    }

    /// Sources beyond the bound are in the sums alone.
    private mutating func change(_ node: NodeID, _ change: (inout Source) -> Void) {
        if let index = sources.index(forKey: node) { return change(&sources.values[index]) }
        guard sources.count < Limits.accountedSourceCountMax else { return }
        change(&sources[node, default: Source()])
    }
}

/// How long checks of chunks take lately: which of the two halves is the longer.
struct CheckTimes: Sendable {
    /// In seconds.
    private var hashing = 0.0
    private var writing = 0.0

    mutating func add(hashing: Duration, writing: Duration) {
        self.hashing += (hashing.inSeconds - self.hashing) / 8
        self.writing += (writing.inSeconds - self.writing) / 8
    }

    var longer: HoldUp { writing > hashing ? .disk : .hashing }
}
