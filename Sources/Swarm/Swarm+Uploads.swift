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

    private static let lateAfterMin = Duration.milliseconds(250)
    private static let busyHint = Duration.milliseconds(500)

    // MARK: Requests

    mutating func takeRequest(_ asked: Neighbour.QueuedUpload, from node: NodeID) {
        guard let neighbour = neighbours[node] else { return }
        guard neighbour.opened.contains(asked.version) else { return expel(node, because: .unknownVersion) }
        guard let exchange = exchanges[asked.version] else {
            let isDenied = formerVersions[asked.version] == .denied
            return refuse(asked, for: node, because: isDenied ? .denied : .leaving)
        }
        guard asked.chunk.int < exchange.chunkCount else { return expel(node, because: .malformed) }
        let id = UploadID(neighbour: node, request: asked.request)
        guard uploads[id] == nil, !neighbour.queue.contains(where: { $0.request == asked.request }) else {
            return expel(node, because: .malformed)
        }
        guard exchange.held.contains(asked.chunk) else { return refuse(asked, for: node, because: .notHeld) }
        guard neighbour.queue.count < Limits.openRequestCountMax else {
            return refuse(asked, for: node, because: .busy, retryAfter: Swarm.busyHint)
        }
        neighbours[node]?.queue.append(asked)
        noteAsked(for: asked.chunk, of: asked.version, by: node)
        duties.insert(.upload)
    }

    mutating func takeCancel(_ number: RequestID, from node: NodeID) {
        if let place = neighbours[node]?.queue.firstIndex(where: { $0.request == number }),
            let asked = neighbours[node]?.queue.remove(at: place)
        {
            noteNotSent(asked.chunk, of: asked.version, to: node)
        }
        let id = UploadID(neighbour: node, request: number)
        guard let upload = uploads.removeValue(forKey: id) else { return }
        emit(.stopUpload(id))
        noteNotSent(upload.chunk, of: upload.version, to: node)
        duties.insert(.upload)
    }

    private mutating func refuse(
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
            refuse(asked, for: node, because: reason)
        }
        neighbours[node]?.queue.removeAll { $0.version == version && isMeant($0.chunk) }
        for (id, upload) in uploads
        where id.neighbour == node && upload.version == version && isMeant(upload.chunk) {
            uploads[id] = nil
            emit(.stopUpload(id))
            let asked = Neighbour.QueuedUpload(request: id.request, version: version, chunk: upload.chunk)
            refuse(asked, for: node, because: reason)
        }
    }

    // MARK: Serving

    mutating func startUploads() {
        while uploads.count < Limits.uploadCountMax, promptUploadCount < limits.uploadCount, let node = nextServed() {
            guard let asked = neighbours[node]?.queue.removeFirst(), let exchange = exchanges[asked.version] else {
                return
            }
            serviceCount += 1
            neighbours[node]?.lastServed = serviceCount
            if uploads.isEmpty { uplink.start(at: clock) }
            let id = UploadID(neighbour: node, request: asked.request)
            uploads[id] = ActiveUpload(
                version: asked.version, chunk: asked.chunk, byteCount: exchange.byteCount(of: asked.chunk),
                startedAt: clock, lastMove: clock)
            emit(.startUpload(id, version: asked.version, chunk: asked.chunk))
            duties.insert(.wake)
        }
    }

    private var promptUploadCount: Int { uploads.values.reduce(0) { $0 + ($1.isLate ? 0 : 1) } }

    /// Among those who wait: whoever is being sent the fewest chunks, then whoever has the fewest, then whoever was
    /// served longest ago. A neighbour gets at most two at once.
    private func nextServed() -> NodeID? {
        var best: (node: NodeID, active: Int, held: Int, lastServed: UInt64)?
        for neighbour in neighbours.values {
            guard let first = neighbour.queue.first else { continue }
            let active = uploads.keys.reduce(0) { $0 + ($1.neighbour == neighbour.node ? 1 : 0) }
            guard active < Limits.uploadCountPerNeighbourMax else { continue }
            let held = exchanges[first.version]?.views[neighbour.node]?.count ?? 0
            if let best, (best.active, best.held, best.lastServed) <= (active, held, neighbour.lastServed) { continue }
            best = (neighbour.node, active, held, neighbour.lastServed)
        }
        return best?.node
    }

    mutating func noteProgress(of id: UploadID, byteCount: Int) {
        guard let upload = uploads[id] else { return }
        precondition(byteCount >= 0 && upload.sent + byteCount <= upload.byteCount, "\(byteCount) bytes more of \(id)")
        uploads[id]?.sent += byteCount
        uploads[id]?.lastMove = clock
        neighbours[id.neighbour]?.sentByteCount += Int64(byteCount)
        exchanges[upload.version]?.sentByteCount += Int64(byteCount)
        exchanges[upload.version]?.direction?.note(upload.chunk, to: id.neighbour, isSent: false, at: clock)
        uplink.add(byteCount, at: clock)
        uplinkPeak = max(uplinkPeak, uplink.bytesPerSecond)
    }

    mutating func finishUpload(_ id: UploadID) {
        guard let upload = uploads[id] else { return }
        noteProgress(of: id, byteCount: upload.byteCount - upload.sent)
        uploads[id] = nil
        neighbours[id.neighbour]?.noteUploaded(upload.byteCount, in: clock - upload.startedAt)
        exchanges[upload.version]?.direction?.note(upload.chunk, to: id.neighbour, isSent: true, at: clock)
        // What the uplink did once is forgotten slowly.
        uplinkPeak = max(uplinkPeak * 0.98, uplink.bytesPerSecond)
        duties.formUnion([.upload, .offer])
    }

    mutating func failUpload(_ id: UploadID) {
        guard let upload = uploads.removeValue(forKey: id) else { return }
        let asked = Neighbour.QueuedUpload(request: id.request, version: upload.version, chunk: upload.chunk)
        refuse(asked, for: id.neighbour, because: .cannotRead)
        let recheck = Recheck(version: upload.version, chunk: upload.chunk)
        if exchanges[upload.version]?.held.contains(upload.chunk) == true, rechecking.append(recheck).inserted {
            emit(.recheck(upload.version, upload.chunk))
        }
        duties.insert(.upload)
    }

    // MARK: Slow receivers

    /// When an upload that keeps others waiting counts as late: three times what it would take with its share of the
    /// uplink, or when it does not move.
    private func lateAt(_ upload: ActiveUpload) -> Instant {
        let isStuckAt = upload.lastMove + Swarm.lateAfterMin
        guard uplinkPeak > 0 else { return isStuckAt }
        let share = Double(upload.byteCount) * Double(limits.uploadCount) / uplinkPeak
        let patience = max(Swarm.lateAfterMin, .milliseconds(Int64(min(share * 3, 60) * 1000)))
        return min(isStuckAt, upload.startedAt + patience)
    }

    var uploadDeadline: Instant? {
        guard neighbours.values.contains(where: { !$0.queue.isEmpty }) else { return nil }
        return uploads.values.filter { !$0.isLate }.map { lateAt($0) }.min()
    }

    mutating func markLateUploads() {
        for id in uploads.keys {
            if let upload = uploads[id], !upload.isLate, lateAt(upload) <= clock { uploads[id]?.isLate = true }
        }
    }
}
