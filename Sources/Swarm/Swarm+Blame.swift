import OrderedCollections
public import Units
import Wire

/// Who did what, and what follows.
extension Swarm {
    /// A chunk that a neighbour says is bad.
    struct Recheck: Hashable, Sendable {
        let version: Digest
        let chunk: ChunkIndex
    }

    /// The hash was wrong: its source alone sent it.
    mutating func punish(_ ticket: ChunkTicket) {
        guard let byteCount = endVerification(of: ticket) else { return }
        exchanges[ticket.version]?.giveBack(ticket, at: clock)
        exchanges[ticket.version]?.wastedByteCount += Int64(byteCount)
        exchanges[ticket.version]?.account?.note(\.rejectedChunkCount, of: ticket.source)
        if neighbours[ticket.source] != nil {
            send(.bad(ChunkReference(version: ticket.version, chunk: ticket.chunk)), to: ticket.source)
        }
        expel(ticket.source, because: .badChunk)
    }

    /// Ends the connection if there is one, and sets the node aside where the reason says so.
    mutating func expel(_ node: NodeID, because reason: GoodbyeCode) {
        if reason.setsAside {
            let until = setAside.add(node, because: reason, at: clock)
            emit(.note(.setAside(node, because: reason, until: until)))
        }
        guard neighbours[node] != nil else { return }
        emit(.disconnect(node, because: reason))
        forget(node)
    }

    private static let lossCountMax = 3

    /// The source kept this agent waiting. The third time without a whole chunk in between ends the connection, unless
    /// nobody else has what was asked for.
    mutating func countLoss(of node: NodeID, isSoleSource: Bool = false) {
        neighbours[node]?.lossesInARow += 1
        guard !isSoleSource, let losses = neighbours[node]?.lossesInARow, losses >= Swarm.lossCountMax else { return }
        expel(node, because: .stalled)
    }

    mutating func deny(_ node: NodeID) {
        denied.append(node)
        expel(node, because: .denied)
    }

    mutating func allow(_ node: NodeID) {
        denied.remove(node)
        duties.insert(.connect)
    }

    // MARK: Our own copy

    /// A neighbour got wrong bytes from here. Hashing costs, so that a neighbour may not ask for it without end.
    mutating func takeBad(_ version: Digest, _ chunk: ChunkIndex, from node: NodeID) {
        guard exchanges[version]?.held.contains(chunk) == true, let recent = neighbours[node]?.rechecks else { return }
        let lately = recent.filter { clock - $0 < .seconds(60) }
        let recheck = Recheck(version: version, chunk: chunk)
        guard lately.count < Limits.recheckCountPerMinuteMax, !rechecking.contains(recheck) else { return }
        neighbours[node]?.rechecks = lately + [clock]
        rechecking.append(recheck)
        emit(.recheck(version, chunk))
    }

    mutating func settleRecheck(_ version: Digest, _ chunk: ChunkIndex, _ verdict: RecheckVerdict) {
        rechecking.remove(Recheck(version: version, chunk: chunk))
        guard verdict == .damaged, exchanges[version]?.lose(chunk) == true else { return }
        emit(.note(.chunkDamaged(version, chunk)))
        for node in neighbours.keys {
            refuseUploads(of: version, for: node, because: .cannotRead) { $0 == chunk }
            if exchanges[version]?.direction?.isAnnounced == true { continue }
            send(.withdraw(ChunkList(version: version, chunks: [chunk])), to: node)
        }
        updateDirection(of: version)
        duties.formUnion([.upload, .offer])
    }

    // MARK: Who is welcome

    /// Whether a connection with `node` is wanted now. The shell asks after TLS, when the identity is known.
    public func admission(of node: NodeID, now: Instant) -> Admission {
        if denied.contains(node) { return .denied }
        if let entry = setAside.entry(of: node, at: now) { return .setAside(entry.reason, until: entry.until) }
        if neighbours[node] == nil, neighbours.count >= limits.neighbourCountMax { return .full }
        return .welcome
    }
}
