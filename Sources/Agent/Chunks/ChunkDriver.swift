internal import EventLoop
internal import Logging
internal import Store
internal import Swarm
internal import Units
internal import Wire

/// Runs the pure core: events in, its effects as frames, jobs of the store, timers and dials.
///
/// Nothing here waits. An event that an effect causes is handed in after the effects of the event before are done.
@LoopActor
final class ChunkDriver {
    private struct BufferKey: Hashable {
        let node: NodeID
        let request: RequestID
    }

    private(set) var core: Swarm
    /// Everything that a version needs is here.
    var onCompleted: (@LoopActor (Digest) -> Void)?
    /// A chunk could not be written.
    var onWriteFailure: (@LoopActor (Digest, StoreError) -> Void)?
    /// Connect to somebody.
    var onDial: (@LoopActor (DialTarget) -> Void)?
    /// The core has given a neighbour up.
    var onDisconnect: (@LoopActor (NodeID, GoodbyeCode) -> Void)?
    /// Payload of chunks that came from or went to a neighbour.
    var onPayload: (@LoopActor (NodeID, _ received: Int, _ sent: Int) -> Void)?

    private let store: Store
    private let switchboard: Switchboard
    private let jobs: Jobs
    private let log: Logger
    private var chunkByteCounts: [Digest: [UInt32]] = [:]
    private var inbox: [SwarmEvent] = []
    private var isRunning = false
    private var buffers: [BufferKey: RawBuffer] = [:]
    private let spareBuffers = RawBufferPool(idleByteCountMax: Limits.spareChunkBufferByteCountMax)
    private var verifyingCount = 0
    private var uploads: [UploadID: ChunkUpload] = [:]
    /// Frames of the piece that is being sent; nothing is allocated for it as long as whoever sends it lets go of it.
    private var staging: [UInt8] = []
    private var alarm: LoopTimer?

    init(core: Swarm, store: Store, switchboard: Switchboard, jobs: Jobs, log: Logger) {
        self.core = core
        self.store = store
        self.switchboard = switchboard
        self.jobs = jobs
        self.log = log
        alarm = LoopTimer { [weak self] in self?.handle(.timePassed) }
    }

    /// Brings a version into the swarm, or changes its plan.
    func add(_ plan: VersionPlan) {
        chunkByteCounts[plan.version] = plan.chunkByteCounts
        handle(.versionAdded(plan))
    }

    /// Takes a version out.
    func remove(_ version: Digest, because departure: Departure) {
        chunkByteCounts[version] = nil
        handle(.versionRemoved(version, because: departure))
    }

    /// Hands one event in, and carries out what follows from it.
    func handle(_ event: SwarmEvent) {
        inbox.append(event)
        guard !isRunning else { return }
        isRunning = true
        var next = 0
        while next < inbox.count {
            let event = inbox[next]
            next += 1
            // Not before: an effect of an earlier event may still name a buffer of that connection.
            switch event {
            case .neighbourLost(let node), .neighbourFull(let node): forgetConnection(of: node)
            default: break
            }
            core.handle(event, now: Clock.now())
            while let effect = core.nextEffect() { run(effect) }
        }
        inbox.removeAll(keepingCapacity: true)
        isRunning = false
    }

    /// The number for a question of the shell on this connection.
    func drawRequest(for node: NodeID) -> RequestID? { core.drawRequestNumber(for: node) }

    /// Where the payload of a DATA frame goes; nil if it is not what was asked for.
    func landing(of header: DataHeader, from link: NeighbourLink) -> RawBuffer? {
        guard let buffer = buffers[BufferKey(node: link.node, request: header.request)],
            buffer.count == Int(header.offset), header.byteCount <= buffer.limit - buffer.count
        else { return nil }
        return buffer
    }

    /// Payload that came. It is in its buffer, if there is one.
    func receive(_ run: DataSpan) {
        onPayload?(run.neighbour, run.byteCount, 0)
        handle(.dataReceived(run))
    }

    /// A neighbour's connection ended.
    func lose(_ node: NodeID) { handle(.neighbourLost(node)) }

    /// Stops the clock. Jobs of the store that end later still come in as events.
    func close() {
        alarm?.close()
        alarm = nil
    }

    private func forgetConnection(of node: NodeID) {
        for key in buffers.keys where key.node == node { buffers[key] = nil }
        for id in uploads.keys where id.neighbour == node { uploads[id] = nil }
    }

    private func run(_ effect: SwarmEffect) {
        switch effect {
        case .send(let message, let node): switchboard.links[node]?.send(message)
        case .request(let ticket, let byteCount): request(ticket, byteCount)
        case .dropBuffer(let node, let request): buffers[BufferKey(node: node, request: request)] = nil
        case .verify(let ticket): verify(ticket)
        case .startUpload(let id, let version, let chunk): startUpload(id, version, chunk)
        case .stopUpload(let id): stopUpload(id)
        case .completed(let version): onCompleted?(version)
        case .recheck(let version, let chunk): recheck(version, chunk)
        case .probe(let node): switchboard.links[node]?.ping()
        case .dial(let target): onDial?(target)
        case .disconnect(let node, let reason):
            forgetConnection(of: node)
            onDisconnect?(node, reason)
        case .wakeAt(let moment): alarm?.start(after: max(.zero, moment - Clock.now()))
        case .note(let note): write(note)
        }
    }

    // MARK: Fetching

    private func request(_ ticket: ChunkTicket, _ byteCount: Int) {
        buffers[BufferKey(node: ticket.source, request: ticket.request)] = spareBuffers.take(limit: byteCount)
        let chunk = ChunkReference(version: ticket.version, chunk: ticket.chunk)
        switchboard.links[ticket.source]?.send(.request(Request(request: ticket.request, chunk: chunk)))
    }

    private func verify(_ ticket: ChunkTicket) {
        guard let buffer = buffers.removeValue(forKey: BufferKey(node: ticket.source, request: ticket.request)) else {
            preconditionFailure("request \(ticket.request) of \(ticket.source) is complete and has no buffer")
        }
        verifyingCount += 1
        store.writeChunk(ticket.version, ticket.chunk, buffer, from: .neighbour) { [weak self] verdict in
            guard let self else { return }
            verifyingCount -= 1
            spareBuffers.giveBack(buffer)
            settle(ticket, verdict)
            // Nothing is under way: an agent at rest keeps no memory for it.
            if buffers.isEmpty, verifyingCount == 0 { spareBuffers.clear() }
        }
    }

    private func settle(_ ticket: ChunkTicket, _ verdict: ChunkVerdict) {
        switch verdict {
        case .verified, .duplicate: handle(.chunkVerified(ticket))
        case .wrongHash: handle(.chunkRejected(ticket))
        case .notWanted: handle(.chunkWriteFailed(ticket))
        case .failed(let error):
            log.error("a chunk was not written: \(error)", metadata: ["version": "\(ticket.version.short)"])
            onWriteFailure?(ticket.version, error)
            handle(.chunkWriteFailed(ticket))
        }
    }

    /// What the check of a chunk took.
    func noteCheck(_ times: ChunkTimes) { core.noteCheck(hashing: times.hashing, writing: times.writing) }

    /// The last word on a fetch.
    func closeFetchReport(of version: Digest) -> FetchReport? {
        core.closeFetchReport(of: version, now: Clock.now())
    }

    private func recheck(_ version: Digest, _ chunk: ChunkIndex) {
        // The store answers in its own time; the core holds the chunk back meanwhile.
        jobs.start("recheck \(version) \(chunk)") { [weak self, store] in
            let isRight = (try? await store.recheck(version, chunk)) ?? false
            self?.handle(.chunkRechecked(version, chunk, isRight ? .intact : .damaged))
        }
    }

    // MARK: Serving

    private func startUpload(_ id: UploadID, _ version: Digest, _ chunk: ChunkIndex) {
        guard let link = switchboard.links[id.neighbour], let lengths = chunkByteCounts[version] else { return }
        let upload = ChunkUpload(id: id, version: version, chunk: chunk, byteCount: Int(lengths[chunk.int]))
        uploads[id] = upload
        link.bulk.add(UInt64(id.request.value)) { [weak self, weak upload] byteCountMax in
            guard let self, let upload, uploads[id] === upload else { return [] }
            return nextPiece(of: upload, atMost: byteCountMax)
        }
    }

    private func nextPiece(of upload: ChunkUpload, atMost byteCountMax: Int) -> [UInt8] {
        if upload.isFinished {
            uploads[upload.id] = nil
            handle(.uploadFinished(upload.id))
            return []
        }
        do throws(StoreError) {
            try upload.nextFrames(from: store, atMost: byteCountMax, into: &staging)
            onPayload?(upload.id.neighbour, 0, upload.lastByteCount)
            handle(.uploadProgressed(upload.id, byteCount: upload.lastByteCount))
            return staging
        } catch {
            log.warning("a chunk cannot be read: \(error)", metadata: ["version": "\(upload.version.short)"])
            uploads[upload.id] = nil
            handle(.uploadFailed(upload.id))
            return []
        }
    }

    private func stopUpload(_ id: UploadID) {
        uploads[id] = nil
        switchboard.links[id.neighbour]?.bulk.remove(UInt64(id.request.value))
    }

    private func write(_ note: SwarmNote) {
        switch note {
        case .setAside(let node, let reason, _):
            log.notice("a node is set aside", metadata: ["node": "\(node)", "reason": "\(reason)"])
        case .sourceSilent(let node, let count):
            log.notice("a source fell silent", metadata: ["node": "\(node)", "requests": "\(count)"])
        case .sourceSlow(let node, let count):
            log.notice("a source is far slower than the others", metadata: ["node": "\(node)", "requests": "\(count)"])
        case .chunkDamaged(let version, let chunk):
            log.error(
                "a chunk is damaged on disk and is withdrawn",
                metadata: ["version": "\(version.short)", "chunk": "\(chunk)"])
        case .copyIsOut(let version): log.info("a whole copy is out", metadata: ["version": "\(version.short)"])
        }
    }
}
