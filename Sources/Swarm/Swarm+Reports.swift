import OrderedCollections
public import Units

extension Swarm {
    /// Connected neighbours in the order they came, then the nodes that are set aside.
    public func neighbourReports(now: Instant) -> [NeighbourReport] {
        let connected = neighbours.values.map { neighbour in
            NeighbourReport(
                node: neighbour.node, state: state(of: neighbour, now: now), roundTrip: neighbour.roundTrip,
                distance: neighbour.distance, receivedByteCount: neighbour.receivedByteCount,
                sentByteCount: neighbour.sentByteCount, outstandingRequestCount: neighbour.requests.count,
                stallCount: neighbour.lossesInARow, slowCount: neighbour.slowCount,
                queuedUploadCount: neighbour.queue.count
                    + neighbour.activeUploadCount)
        }
        let aside = setAside.entries
            .filter { $0.value.until > now && neighbours[$0.key] == nil }
            .map { node, entry in
                NeighbourReport(
                    node: node, state: .setAside(entry.reason, until: entry.until), roundTrip: nil,
                    distance: addresses.recent[node]?.distance ?? .sameRegion, receivedByteCount: 0, sentByteCount: 0,
                    outstandingRequestCount: 0, stallCount: 0, slowCount: 0, queuedUploadCount: 0)
            }
        return connected + aside
    }

    private func state(of neighbour: Neighbour, now: Instant) -> NeighbourReport.State {
        if neighbour.isSilent { return .silent }
        if let until = neighbour.backOffUntil, until > now { return .busy(until: until) }
        return .connected
    }

    /// Nil if the version was not added.
    public func versionReport(_ version: Digest, now: Instant) -> VersionReport? {
        guard let exchange = exchanges[version] else { return nil }
        let heldBytes = exchange.byteCount(of: exchange.needed) { exchange.held.contains($0) }
        let requests = neighbours.values.reduce(0) { sum, neighbour in
            sum + neighbour.requests.values.reduce(0) { $0 + ($1.ticket.version == version ? 1 : 0) }
        }
        return VersionReport(
            version: version, chunkCount: exchange.chunkCount, heldChunkCount: exchange.held.count,
            neededChunkCount: exchange.needed.count, heldByteCount: heldBytes,
            neededByteCount: exchange.byteCount(of: exchange.needed) { _ in true },
            verifiedByteCount: exchange.verifiedByteCount, wastedByteCount: exchange.wastedByteCount,
            sentByteCount: exchange.sentByteCount,
            sourceCount: exchange.views.values.reduce(0) { $0 + ($1.count > 0 || $1.isDirecting ? 1 : 0) },
            outstandingRequestCount: requests, obstacle: obstacle(to: exchange, now: now))
    }

    /// Whether a neighbour says that it has all of these chunks of a version.
    public func holds(_ node: NodeID, _ chunks: ChunkSet, of version: Digest) -> Bool {
        guard let view = exchanges[version]?.views[node] ?? neighbours[node]?.strangers[version],
            view.chunkCount == chunks.capacity
        else { return false }
        if view.isComplete { return true }
        return view.count >= chunks.count && chunks.indices.allSatisfy { view.contains($0) }
    }

    /// The best rate of this node's uplink lately, in bytes a second; nil before anything was sent.
    public var uplinkBytesPerSecond: Double? { uplinkPeak > 0 ? uplinkPeak : nil }

    private func obstacle(to exchange: VersionExchange, now: Instant) -> VersionReport.Obstacle {
        if exchange.isSatisfied { return .none }
        if let until = exchange.pausedUntil, until > now { return .cannotWrite }
        if neighbours.isEmpty { return .noNeighbour }
        if !exchange.pending.isEmpty { return .none }
        let useful = exchange.views.filter { exchange.hasUse(of: $0.value) }.map { $0.key }
        if useful.contains(where: { neighbours[$0]?.isUsable(at: now) ?? false }) { return .none }
        if !useful.isEmpty { return .sourcesBusy }
        return exchange.views.values.contains { $0.isDirecting } ? .waitingForOffer : .noSource
    }
}

extension VersionExchange {
    /// Whether the neighbour has something that is wanted.
    func hasUse(of view: HolderView) -> Bool {
        wanted.words.indices.contains { view.askable(of: wanted.words[$0], word: $0) != 0 }
    }

    /// The bytes of those members of `set`.
    func byteCount(of set: ChunkBits, where isMeant: (ChunkIndex) -> Bool) -> Int64 {
        var sum: Int64 = 0
        for chunk in set.indices where isMeant(chunk) { sum += Int64(chunkByteCounts[chunk.int]) }
        return sum
    }
}
