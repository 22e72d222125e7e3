import OrderedCollections
import Units
import Wire

extension Swarm {
    mutating func addVersion(_ plan: VersionPlan) {
        precondition(plan.chunkByteCounts.count <= Limits.chunkCountMax, "\(plan.chunkByteCounts.count) chunks")
        formerVersions[plan.version] = nil
        if exchanges[plan.version] != nil {
            exchanges[plan.version]?.adopt(plan, at: clock)
            dropNeedlessRequests(of: plan.version)
        } else {
            exchanges[plan.version] = VersionExchange(plan, of: node, hasPlace: place != 0, at: clock)
            wake(by: clock + Swarm.companyWait)
            meetStrangers(of: plan.version)
        }
        findMates(for: plan.version)
        wakeForTurns()
        if exchanges[plan.version]?.isSatisfied == true { exchanges[plan.version]?.isCompletionKnown = true }
        openAccount(of: plan.version)
        updateDirection(of: plan.version, mustAnnounce: true)
        duties.formUnion([.fetch, .offer, .connect])
    }

    /// What neighbours said about the version before it was known here counts now.
    private mutating func meetStrangers(of version: Digest) {
        guard let chunkCount = exchanges[version]?.chunkCount else { return }
        for node in neighbours.keys {
            guard let view = neighbours[node]?.removeStranger(version) else { continue }
            if view.chunkCount == chunkCount {
                exchanges[version]?.setView(view, of: node, at: clock)
                noteParticipant(in: version)
            } else {
                expel(node, because: .malformed)
            }
        }
    }

    mutating func removeVersion(_ version: Digest, because departure: Departure) {
        guard let exchange = exchanges[version] else {
            if departure == .denied { rememberFormer(version, departure) }
            return
        }
        for node in neighbours.keys {
            cancelRequests(of: node) { $0.ticket.version == version }
            refuseUploads(of: version, for: node, because: departure == .denied ? .denied : .leaving)
            // Opened stays: a request that crosses LEAVE is no error.
            if neighbours[node]?.opened.contains(version) == true { send(.leave(version), to: node) }
            if let view = exchange.views[node] { neighbours[node]?.addStranger(version, view) }
        }
        exchanges[version] = nil
        rememberFormer(version, departure)
        duties.formUnion([.fetch, .upload, .offer])
    }

    private mutating func rememberFormer(_ version: Digest, _ departure: Departure) {
        formerVersions[version] = departure
        guard formerVersions.count > Limits.formerVersionCountMax else { return }
        let (oldest, _) = formerVersions.removeFirst()
        for node in neighbours.keys { neighbours[node]?.opened.remove(oldest) }
    }

    mutating func takeFound(_ chunks: [ChunkIndex], of version: Digest) {
        guard let chunkCount = exchanges[version]?.chunkCount else { return }
        for chunk in chunks {
            precondition(chunk.int < chunkCount, "chunk \(chunk) of \(chunkCount)")
            guard exchanges[version]?.hold(chunk) == true else { continue }
            scheduleAnnouncement(of: version)
        }
        dropNeedlessRequests(of: version)
        noteCompletion(of: version)
        duties.formUnion([.fetch, .offer])
    }

    /// Cancels what was asked for and is here by now.
    private mutating func dropNeedlessRequests(of version: Digest) {
        guard let held = exchanges[version]?.held else { return }
        for node in neighbours.keys {
            cancelRequests(of: node) { $0.ticket.version == version && held.contains($0.ticket.chunk) }
        }
    }

    /// Says so once when nothing is missing any more.
    mutating func noteCompletion(of version: Digest) {
        guard let exchange = exchanges[version], exchange.isSatisfied, !exchange.isCompletionKnown else { return }
        exchanges[version]?.isCompletionKnown = true
        for node in neighbours.keys { sendHoldings(of: version, to: node) }
        emit(.completed(version))
    }
}

extension Neighbour {
    /// Remembers what it has of a version that is not known here, within bounds; beyond them only that there is more.
    mutating func addStranger(_ version: Digest, _ view: HolderView) {
        _ = removeStranger(version)
        var view = view
        view.isFallback = false
        let isTooMuch = strangerByteCount + view.byteCount > Limits.strangeBitmapByteCountPerNeighbourMax
        guard strangers.count < Limits.strangeVersionCountPerNeighbourMax, !isTooMuch else {
            hasForgottenStrangers = true
            return
        }
        strangers[version] = view
        strangerByteCount += view.byteCount
    }

    mutating func removeStranger(_ version: Digest) -> HolderView? {
        guard let view = strangers.removeValue(forKey: version) else { return nil }
        strangerByteCount -= view.byteCount
        return view
    }
}
