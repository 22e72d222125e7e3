import OrderedCollections
import Units
import Wire

/// HOLDINGS, HAVE, WITHDRAW and LEAVE, both ways.
extension Swarm {
    // MARK: Out

    /// Says to one neighbour what is here of a version, in as many frames as it takes.
    mutating func sendHoldings(of version: Digest, to node: NodeID) {
        guard let exchange = exchanges[version] else { return }
        neighbours[node]?.opened.append(version)
        exchanges[version]?.announcements.noteToldAll(node)
        var flags: Holdings.Flags = exchange.isSatisfied ? [] : .wants
        let isDirecting = exchange.direction?.isAnnounced == true
        if isDirecting { flags.insert(.directing) } else if exchange.held.isFull { flags.insert(.complete) }
        let byteCount = (exchange.chunkCount + 7) / 8
        let isBare = isDirecting || exchange.held.isFull || exchange.held.isEmpty
        var firstByte = 0
        repeat {
            let count = isBare ? 0 : min(Limits.holdingsBitmapByteCountMax, byteCount - firstByte)
            let part = Holdings(
                version: version, flags: flags, chunkCount: UInt32(exchange.chunkCount),
                firstChunk: UInt32(firstByte * 8), bitmap: exchange.held.bitmap(firstByte: firstByte, byteCount: count))
            send(.holdings(part), to: node)
            firstByte += count
        } while !isBare && firstByte < byteCount
    }

    /// Something is here that the neighbours do not know of.
    mutating func scheduleAnnouncement(of version: Digest) {
        guard let place = exchanges.index(forKey: version), exchanges.values[place].announcements.dueAt == nil
        else { return }
        let moment = clock + announcementDelay(ofVersionAt: place)
        exchanges.values[place].announcements.schedule(at: moment)
        wake(by: moment)
    }

    /// A frame to each neighbour costs the same for one chunk as for many: with a frame a tenth of a second to each of
    /// 48, a hundred nodes of one machine did nothing else. So whoever nothing else goes to is told late, but never
    /// later than a fiftieth of the time that the fetch has taken, nor of what it will still take: when chunks are few,
    /// at its start and its end, somebody idles for each.
    private func announcementDelay(ofVersionAt place: Int) -> Duration {
        let least = limits.announcementDelay
        guard !exchanges.values[place].isSatisfied, downlink.bytesPerSecond > 0 else { return least }
        let missing = Double(exchanges.values[place].wanted.count * exchanges.values[place].meanByteCount)
        let remaining = missing / downlink.bytesPerSecond
        let elapsed = (clock - (exchanges.values[place].firstAskedAt ?? clock)).inSeconds
        let pause = Duration.milliseconds(Int64(min(min(elapsed, remaining) * 20, 1e6)))
        return max(least, min(pause, limits.announcementDelayMax))
    }

    mutating func announceWhatIsDue() {
        for place in exchanges.values.indices {
            guard let moment = exchanges.values[place].announcements.dueAt, moment <= clock else { continue }
            for node in exchanges.values[place].announcements.takeLaggards() { announce(ofVersionAt: place, to: node) }
            if exchanges.values[place].announcements.tidy() { scheduleAnnouncement(of: exchanges.keys[place]) }
        }
    }

    /// Tells the neighbour what it was not told of yet; nothing if there is nothing.
    mutating func announce(ofVersionAt place: Int, to node: NodeID) {
        let fresh = exchanges.values[place].announcements.take(for: node)
        // A seed that directs tells nobody what it has, and what got damaged meanwhile is not here.
        guard !fresh.isEmpty, exchanges.values[place].direction?.isAnnounced != true else { return }
        let held = fresh.filter { exchanges.values[place].held.contains($0) }
        let batch = Limits.haveChunkCountMax
        for start in stride(from: 0, to: held.count, by: batch) {
            let part = Array(held[start..<min(start + batch, held.count)])
            send(.have(ChunkList(version: exchanges.keys[place], chunks: part)), to: node)
        }
    }

    // MARK: In

    mutating func takeHoldings(_ part: Holdings, from node: NodeID) {
        guard part.chunkCount <= Limits.chunkCountMax else { return expel(node, because: .malformed) }
        let chunkCount = Int(part.chunkCount)
        if let known = exchanges[part.version]?.chunkCount, known != chunkCount {
            return expel(node, because: .malformed)
        }
        guard var view = nextView(for: part, from: node) else {
            let mayBeForgotten = exchanges[part.version] == nil && neighbours[node]?.hasForgottenStrangers == true
            return mayBeForgotten ? () : expel(node, because: .malformed)
        }
        guard view.take(part) else { return expel(node, because: .malformed) }
        guard exchanges[part.version] != nil else {
            neighbours[node]?.addStranger(part.version, view)
            return
        }
        view.grewAt = clock
        exchanges[part.version]?.setView(view, of: node, at: clock)
        findMates(for: part.version)
        wakeForTurns()
        noteParticipant(in: part.version)
        closeOffers(of: part.version, heldBy: node)
        duties.formUnion([.fetch, .offer, .upload, .connect])
    }

    /// The view that the part goes into: a new one for a first part. Nil if the part does not follow.
    private func nextView(for part: Holdings, from node: NodeID) -> HolderView? {
        let old = exchanges[part.version]?.views[node] ?? neighbours[node]?.strangers[part.version]
        let isInside = neighbours[node]?.isInside ?? false
        if part.firstChunk == 0 {
            var view = HolderView(chunkCount: Int(part.chunkCount), flags: part.flags)
            view.servedCount = old?.servedCount ?? 0
            view.isInside = isInside
            return view
        }
        guard let old, old.nextPart == Int(part.firstChunk), old.chunkCount == Int(part.chunkCount) else { return nil }
        return old
    }

    mutating func takeHave(_ version: Digest, _ chunks: [ChunkIndex], from node: NodeID) {
        guard mayMention(chunks, of: version, node) else { return }
        guard let place = exchanges.index(forKey: version) else {
            changeStranger(version, of: node) { view in for chunk in chunks { _ = view.insert(chunk) } }
            return
        }
        exchanges.values[place].updateView(of: node) { [clock] in $0.grewAt = clock }
        let news = exchanges.values[place].add(chunks, to: node, at: clock)
        if news.contains(where: { exchanges.values[place].wanted.contains($0) }) { duties.insert(.fetch) }
        if exchanges.values[place].crossings != nil { noteInside(chunks, of: version, node) }
        // Not for what it said before: a crowd that comes back would be sent away each time.
        for chunk in news { shareQueue(for: chunk, of: version, with: node) }
        guard exchanges.values[place].direction != nil else { return }
        for chunk in chunks { exchanges.values[place].direction?.fulfil(chunk, by: node, at: clock) }
        wake(by: directionDeadline(of: exchanges.values[place]))
        duties.insert(.offer)
    }

    mutating func takeWithdraw(_ version: Digest, _ chunks: [ChunkIndex], from node: NodeID) {
        guard mayMention(chunks, of: version, node) else { return }
        guard exchanges[version] != nil else {
            changeStranger(version, of: node) { view in for chunk in chunks { _ = view.remove(chunk) } }
            return
        }
        exchanges[version]?.remove(chunks, from: node, at: clock)
        wakeForTurns()
        duties.formUnion([.fetch, .offer])
    }

    mutating func takeLeave(_ version: Digest, from node: NodeID) {
        guard mayMention([], of: version, node) else { return }
        _ = neighbours[node]?.removeStranger(version)
        guard exchanges[version] != nil else { return }
        exchanges[version]?.setView(nil, of: node, at: clock)
        findMates(for: version)
        wakeForTurns()
        _ = exchanges[version]?.direction?.closeAll(to: node)
        cancelRequests(of: node) { $0.ticket.version == version }
        duties.formUnion([.fetch, .offer, .connect])
    }

    /// False, and dealt with, if the neighbour never opened the version, if a chunk lies beyond it, or if what it said
    /// had to be forgotten.
    mutating func mayMention(_ chunks: [ChunkIndex], of version: Digest, _ node: NodeID) -> Bool {
        guard let chunkCount = chunkCount(of: version, saidBy: node) else {
            let mayBeForgotten = exchanges[version] == nil && neighbours[node]?.hasForgottenStrangers == true
            if !mayBeForgotten { expel(node, because: .unknownVersion) }
            return false
        }
        // Ascending: the codec sees to it.
        guard chunks.last.map({ $0.int < chunkCount }) ?? true else {
            expel(node, because: .malformed)
            return false
        }
        return true
    }

    private func chunkCount(of version: Digest, saidBy node: NodeID) -> Int? {
        guard let place = exchanges.index(forKey: version), let view = exchanges.values[place].views.index(forKey: node)
        else { return neighbours[node]?.strangers[version]?.chunkCount }
        return exchanges.values[place].views.values[view].chunkCount
    }

    private mutating func changeStranger(_ version: Digest, of node: NodeID, _ change: (inout HolderView) -> Void) {
        guard var view = neighbours[node]?.removeStranger(version) else { return }
        change(&view)
        neighbours[node]?.addStranger(version, view)
    }
}
