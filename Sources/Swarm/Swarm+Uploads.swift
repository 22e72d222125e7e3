import OrderedCollections
import Units
import Wire

/// Whom to serve, and when.
///
/// A few chunks are sent at once: with fewer the uplink idles whenever a receiver's downlink is busy
/// with what others send, with more everything finishes late. An upload to a receiver so slow that
/// the uplink is not used does not count.
extension Swarm {
    struct ActiveUpload: Sendable {
        let version: Digest
        let chunk: ChunkIndex
        let byteCount: Int
        let startedAt: Instant
        var lastMove: Instant
        var sent = 0
        var isLate = false
    }

    private static let lateAfterMin = Duration.milliseconds(40)
    private static let lateAfterMax = Duration.milliseconds(250)
    /// An upload that does not move for this part of a turn lets another one in. With half of it so many went at once
    /// that their pieces delayed everything else; with twice of it links idled (20 and 50 nodes, simulated and real).
    private static let stuckAfterTurns = 0.8
    private static let busyHint = Duration.milliseconds(500)

    // MARK: Requests

    mutating func takeRequest(_ asked: Neighbour.QueuedUpload, from node: NodeID) {
        guard let neighbour = neighbours.index(forKey: node) else { return }
        guard neighbours.values[neighbour].opened.contains(asked.version) else {
            return expel(node, because: .unknownVersion)
        }
        guard let place = exchanges.index(forKey: asked.version) else {
            let isDenied = formerVersions[asked.version] == .denied
            return refuse(asked, for: node, because: isDenied ? .denied : .leaving)
        }
        guard asked.chunk.int < exchanges.values[place].chunkCount else { return expel(node, because: .malformed) }
        let id = UploadID(neighbour: node, request: asked.request)
        guard uploads[id] == nil, !neighbours.values[neighbour].queue.contains(where: { $0.request == asked.request })
        else { return expel(node, because: .malformed) }
        guard exchanges.values[place].held.contains(asked.chunk) else {
            return refuse(asked, for: node, because: .notHeld)
        }
        guard neighbours.values[neighbour].queue.count < Limits.openRequestCountMax else {
            return refuse(asked, for: node, because: .busy, retryAfter: Swarm.busyHint)
        }
        neighbours.values[neighbour].queue.append(asked)
        queuedUploadCount += 1
        if exchanges.values[place].direction != nil { noteAsked(for: asked.chunk, of: asked.version, by: node) }
        duties.insert(.upload)
    }

    mutating func takeCancel(_ number: RequestID, from node: NodeID) {
        if let place = neighbours[node]?.queue.firstIndex(where: { $0.request == number }),
            let asked = neighbours[node]?.queue.remove(at: place)
        {
            queuedUploadCount -= 1
            noteNotSent(asked.chunk, of: asked.version, to: node)
        }
        let id = UploadID(neighbour: node, request: number)
        guard let upload = endUpload(id) else { return }
        emit(.stopUpload(id))
        noteNotSent(upload.chunk, of: upload.version, to: node)
        duties.insert(.upload)
    }

    mutating func refuse(
        _ asked: Neighbour.QueuedUpload, for node: NodeID, because reason: Refuse.Reason, retryAfter: Duration = .zero
    ) {
        let delay = UInt32(retryAfter.wholeMilliseconds)
        send(.refuse(Refuse(request: asked.request, reason: reason, retryMilliseconds: delay)), to: node)
        noteNotSent(asked.chunk, of: asked.version, to: node)
    }

    /// Refuses what waits and stops what is being sent of a version, or of some of its chunks.
    mutating func refuseUploads(
        of version: Digest, for node: NodeID, because reason: Refuse.Reason,
        where isMeant: (ChunkIndex) -> Bool = { _ in true }
    ) {
        for asked in neighbours[node]?.queue ?? [] where asked.version == version && isMeant(asked.chunk) {
            queuedUploadCount -= 1
            refuse(asked, for: node, because: reason)
        }
        neighbours[node]?.queue.removeAll { $0.version == version && isMeant($0.chunk) }
        for (id, upload) in uploads
        where id.neighbour == node && upload.version == version && isMeant(upload.chunk) {
            _ = endUpload(id)
            emit(.stopUpload(id))
            let asked = Neighbour.QueuedUpload(request: id.request, version: version, chunk: upload.chunk)
            refuse(asked, for: node, because: reason)
        }
    }

    // MARK: Serving

    mutating func startUploads() {
        guard queuedUploadCount > 0 else { return }
        while uploads.count < Limits.uploadCountMax, uploads.count - lateUploadCount < uploadSlotCount,
            let place = nextServed()
        {
            guard let asked = neighbours.values[place].takeFirstQueued() else { return }
            queuedUploadCount -= 1
            guard let exchange = exchanges.index(forKey: asked.version) else { continue }
            serviceCount += 1
            neighbours.values[place].lastServed = serviceCount
            neighbours.values[place].activeUploadCount += 1
            if uploads.isEmpty { uplink.start(at: clock) }
            let id = UploadID(neighbour: neighbours.keys[place], request: asked.request)
            uploads[id] = ActiveUpload(
                version: asked.version, chunk: asked.chunk,
                byteCount: exchanges.values[exchange].byteCount(of: asked.chunk), startedAt: clock, lastMove: clock)
            announce(ofVersionAt: exchange, to: id.neighbour)
            emit(.startUpload(id, version: asked.version, chunk: asked.chunk))
        }
        wake(by: uploadDeadline)
    }

    /// Of a first copy each chunk goes to another receiver, which is busy with what it asked for.
    private var uploadSlotCount: Int {
        var most = uploadSlots.count
        for place in exchanges.values.indices where exchanges.values[place].direction?.isAnnounced == true {
            most = max(most, min(exchanges.values[place].views.count, Limits.uploadCountDirecting))
        }
        return most
    }

    /// Takes the upload off the books.
    mutating func endUpload(_ id: UploadID) -> ActiveUpload? {
        guard let upload = uploads.removeValue(forKey: id) else { return nil }
        if upload.isLate { lateUploadCount -= 1 }
        if let place = neighbours.index(forKey: id.neighbour) { neighbours.values[place].activeUploadCount -= 1 }
        return upload
    }

    /// Among those who wait: whoever is being sent the fewest chunks, then whoever has the fewest, then whoever was
    /// served longest ago. A neighbour gets at most two at once.
    private func nextServed() -> Int? {
        guard queuedUploadCount > 0 else { return nil }
        var best: (place: Int, active: Int, held: Int, lastServed: UInt64)?
        for place in neighbours.values.indices {
            let active = neighbours.values[place].activeUploadCount
            guard active < Limits.uploadCountPerNeighbourMax, let first = neighbours.values[place].queue.first else {
                continue
            }
            if let best, best.active < active { continue }
            let held = heldCount(of: first.version, by: neighbours.keys[place])
            let lastServed = neighbours.values[place].lastServed
            if let best, (best.active, best.held, best.lastServed) <= (active, held, lastServed) { continue }
            best = (place, active, held, lastServed)
        }
        return best?.place
    }

    func heldCount(of version: Digest, by node: NodeID) -> Int {
        guard let place = exchanges.index(forKey: version), let view = exchanges.values[place].views.index(forKey: node)
        else { return 0 }
        return exchanges.values[place].views.values[view].count
    }

    mutating func noteProgress(of id: UploadID, byteCount: Int) {
        guard let upload = uploads.index(forKey: id) else { return }
        let sent = uploads.values[upload].sent
        precondition(
            byteCount >= 0 && sent + byteCount <= uploads.values[upload].byteCount, "\(byteCount) bytes more of \(id)")
        uploads.values[upload].sent = sent + byteCount
        uploads.values[upload].lastMove = clock
        if let place = neighbours.index(forKey: id.neighbour) {
            neighbours.values[place].sentByteCount += Int64(byteCount)
        }
        if let place = exchanges.index(forKey: uploads.values[upload].version) {
            exchanges.values[place].sentByteCount += Int64(byteCount)
            let chunk = uploads.values[upload].chunk
            exchanges.values[place].direction?.note(chunk, to: id.neighbour, isSent: false, at: clock)
        }
        uploadSlots.note(byteCount, isWanted: queuedUploadCount > 0, at: clock)
        if uplink.add(byteCount, at: clock) { uplinkPeak = max(uplinkPeak, uplink.bytesPerSecond) }
    }

    mutating func finishUpload(_ id: UploadID) {
        guard let place = uploads.index(forKey: id) else { return }
        noteProgress(of: id, byteCount: uploads.values[place].byteCount - uploads.values[place].sent)
        guard let upload = endUpload(id) else { return }
        neighbours[id.neighbour]?.noteUploaded(upload.byteCount, in: clock - upload.startedAt)
        exchanges[upload.version]?.direction?.note(upload.chunk, to: id.neighbour, isSent: true, at: clock)
        // What the uplink did once is forgotten slowly.
        uplinkPeak = max(uplinkPeak * 0.98, uplink.bytesPerSecond)
        duties.insert(.upload)
        guard let place = exchanges.index(forKey: upload.version), exchanges.values[place].direction != nil else {
            return
        }
        exchanges.values[place].direction?.noteDemand(queuedUploadCount, ampleCount: 2 * limits.uploadCount)
        duties.insert(.offer)
    }

    mutating func failUpload(_ id: UploadID) {
        guard let upload = endUpload(id) else { return }
        let asked = Neighbour.QueuedUpload(request: id.request, version: upload.version, chunk: upload.chunk)
        refuse(asked, for: id.neighbour, because: .cannotRead)
        let recheck = Recheck(version: upload.version, chunk: upload.chunk)
        if exchanges[upload.version]?.held.contains(upload.chunk) == true, rechecking.append(recheck).inserted {
            emit(.recheck(upload.version, upload.chunk))
        }
        duties.insert(.upload)
    }

    // MARK: Slow receivers

    /// When an upload that keeps others waiting counts as late: after three times what it would take with its share of
    /// the uplink, or when it does not move while each of the others would have had its turn.
    private func lateAt(_ upload: ActiveUpload) -> Instant {
        guard uplinkPeak > 0 else { return upload.lastMove + Swarm.lateAfterMax }
        let turn = Double(uploads.count * Limits.uploadPieceByteCountMin) / uplinkPeak * Swarm.stuckAfterTurns
        let pause = min(max(Swarm.lateAfterMin, .milliseconds(Int64(min(turn, 1) * 1000))), Swarm.lateAfterMax)
        let isStuckAt = upload.lastMove + pause
        let share = Double(upload.byteCount) * Double(limits.uploadCount) / uplinkPeak
        let patience = max(Swarm.lateAfterMax, .milliseconds(Int64(min(share * 3, 60) * 1000)))
        return min(isStuckAt, upload.startedAt + patience)
    }

    var uploadDeadline: Instant {
        guard queuedUploadCount > 0 else { return .never }
        var deadline = Instant.never
        for place in uploads.values.indices where !uploads.values[place].isLate {
            deadline = min(deadline, lateAt(uploads.values[place]))
        }
        return deadline
    }

    mutating func markLateUploads() {
        for place in uploads.values.indices where !uploads.values[place].isLate {
            guard lateAt(uploads.values[place]) <= clock else { continue }
            uploads.values[place].isLate = true
            lateUploadCount += 1
        }
    }
}
