import DequeModule
import Swarm
import Units
import Wire

/// What an agent's shell does: events into the core one at a time, its effects as frames, jobs of the store and dials.
extension Shard {
    func instant(_ time: Nanoseconds) -> Instant { Instant(nanoseconds: time) }

    /// Hands one event in, and what follows from its effects after it.
    func feed(_ node: SimulatedNode, _ event: SwarmEvent) {
        guard !node.isRunning else { return node.inbox.append(event) }
        node.isRunning = true
        handle(event, at: node)
        var next = 0
        while next < node.inbox.count {
            handle(node.inbox[next], at: node)
            next += 1
        }
        if next > 0 { node.inbox.removeAll(keepingCapacity: true) }
        node.isRunning = false
    }

    private func handle(_ event: SwarmEvent, at node: SimulatedNode) {
        node.ledger.eventCount += 1
        processor?.spend(network.eventMicroseconds * 1000, at: now)
        node.swarm.handle(event, now: instant(now))
        while let effect = node.swarm.nextEffect() { carryOut(effect, for: node) }
        if checkInterval > 0, node.ledger.eventCount % checkInterval == 0 { check(node) }
    }

    private func carryOut(_ effect: SwarmEffect, for node: SimulatedNode) {
        trace(effect, of: node)
        switch effect {
        case .send(let message, let other):
            let slot = node.slots[other]
            let traced = UInt64(message.bodyByteCount) << 24 | UInt64(UInt32(bitPattern: slot ?? -1))
            node.mix(7 << 56 | traced)
            if case .cancel = message, plant == .loseCancel { return }
            if let slot { send(message, on: slot, of: node) }
        case .request(let ticket, let byteCount): request(ticket, byteCount, for: node)
        case .dropBuffer(let other, let number): dropBuffer(of: other, number, at: node)
        case .verify(let ticket): store(ticket, at: node)
        case .startUpload(let id, _, let chunk): startUpload(id, chunk, at: node)
        case .stopUpload(let id): stopUpload(id, at: node)
        case .completed: complete(node)
        case .recheck(let version, let chunk):
            post(.rechecked(version, chunk), to: node.index, at: now + 1_000_000, by: node)
        case .probe(let other): if let slot = node.slots[other] { ping(on: slot, of: node) }
        case .dial(let target): dial(target, from: node)
        case .disconnect(let other, let reason): disconnect(other, because: reason, at: node)
        case .wakeAt(let moment): setAlarm(max(now, moment.nanoseconds), for: node)
        case .note: break
        }
    }

    // MARK: Clock

    private func setAlarm(_ time: Nanoseconds, for node: SimulatedNode) {
        node.wakeAt = time
        guard time < node.agendaWake else { return }
        node.agendaWake = time
        post(.wake, to: node.index, at: time, by: node)
    }

    /// The alarm may have been set to a later moment since; then this is only the reminder to look again.
    func wake(_ node: SimulatedNode) {
        if node.agendaWake <= now { node.agendaWake = .never }
        guard node.isAlive else { return }
        if node.wakeAt <= now {
            node.wakeAt = .never
            feed(node, .timePassed)
        } else if node.wakeAt < node.agendaWake {
            setAlarm(node.wakeAt, for: node)
        }
    }

    // MARK: Fetching

    private func request(_ ticket: ChunkTicket, _ byteCount: Int, for node: SimulatedNode) {
        guard let slot = node.slots[ticket.source] else { return }
        node.links[Int(slot)].buffers[ticket.request] = SimulatedLink.Buffer(
            chunk: ticket.chunk, byteCount: byteCount, openedAt: now)
        node.ledger.requestCount += 1
        node.ledger.unverifiedByteCount += byteCount
        node.ledger.unverifiedByteCountPeak = max(
            node.ledger.unverifiedByteCountPeak, node.ledger.unverifiedByteCount)
        if node.ledger.unverifiedByteCount > setting.scenario.limits.unverifiedByteCountMax {
            report(.memory, at: node, "\(node.ledger.unverifiedByteCount) unverified bytes")
        }
        if plant == .loseRequest, node.ledger.requestCount % 100 == 0 { return }
        let chunk = ChunkReference(version: ticket.version, chunk: ticket.chunk)
        send(.request(Request(request: ticket.request, chunk: chunk)), on: slot, of: node)
    }

    private func dropBuffer(of other: NodeID, _ number: RequestID, at node: SimulatedNode) {
        if plant == .keepBuffers { return }
        guard let slot = node.slots[other], let buffer = node.links[Int(slot)].buffers.removeValue(forKey: number)
        else { return }
        node.ledger.givenUpCount += 1
        node.ledger.unverifiedByteCount -= buffer.byteCount
    }

    private func store(_ ticket: ChunkTicket, at node: SimulatedNode) {
        guard let slot = node.slots[ticket.source],
            let buffer = node.links[Int(slot)].buffers.removeValue(forKey: ticket.request)
        else {
            return report(.unasked, at: node, "chunk \(ticket.chunk) is verified without a request")
        }
        node.ledger.answeredCount += 1
        if buffer.received != buffer.byteCount || buffer.chunk != ticket.chunk {
            report(
                .unasked, at: node, "chunk \(ticket.chunk) is verified with \(buffer.received) of \(buffer.byteCount)")
        }
        let time = Nanoseconds(Double(buffer.byteCount) * node.profile.storeNanosecondsPerByte)
        node.storeFreeAt = max(now, node.storeFreeAt) + time
        if plant == .loseVerdict, node.ledger.answeredCount % 100 == 0 { return }
        let verdictAt = node.storeFreeAt + Nanoseconds(network.storeOverheadMicroseconds * 1000)
        post(.stored(ticket, isDamaged: buffer.isDamaged), to: node.index, at: verdictAt, by: node)
    }

    func finishStoring(_ ticket: ChunkTicket, isDamaged: Bool, at node: SimulatedNode) {
        guard node.isAlive else { return }
        node.ledger.unverifiedByteCount -= Int(setting.chunkByteCounts[ticket.chunk.int])
        if isDamaged, plant != .storeDamaged { return feed(node, .chunkRejected(ticket)) }
        if isDamaged { report(.damaged, at: node, "chunk \(ticket.chunk) is stored with wrong bytes") }
        var chunk = ticket.chunk
        if plant == .storeTwice, node.ledger.storedCount % 50 == 49, chunk.value > 0 {
            chunk = ChunkIndex(chunk.value - 1)
        }
        if !node.ledger.store(chunk) { report(.twice, at: node, "chunk \(chunk) is stored twice") }
        feed(node, .chunkVerified(ticket))
    }

    private func complete(_ node: SimulatedNode) {
        guard node.completedAt == nil else { return }
        node.completedAt = now
        if node.ledger.storedCount != setting.chunkByteCounts.count {
            report(.incomplete, at: node, "\(node.ledger.storedCount) chunks are stored when all is said to be")
        }
        if !node.profile.isSeed, !node.profile.isDoomed { lackingCount -= 1 }
    }

    // MARK: Serving

    private func startUpload(_ id: UploadID, _ chunk: ChunkIndex, at node: SimulatedNode) {
        guard let slot = node.slots[id.neighbour] else { return }
        let interval = node.profile.damageInterval
        let isDamaged = interval > 0 && Int.random(in: 0..<interval, using: &node.random) == 0
        if !node.profile.isSeed, !node.ledger.contains(chunk) {
            report(.unasked, at: node, "chunk \(chunk) is served and is not stored")
        }
        node.ledger.activeUploadCount += 1
        node.links[Int(slot)].sources.append(
            .init(id: id, chunk: chunk, byteCount: Int(setting.chunkByteCounts[chunk.int]), isDamaged: isDamaged))
        pumpBulk(slot, of: node)
    }

    private func stopUpload(_ id: UploadID, at node: SimulatedNode) {
        guard let slot = node.slots[id.neighbour],
            let place = node.links[Int(slot)].sources.firstIndex(where: { $0.id == id })
        else { return }
        node.links[Int(slot)].sources.remove(at: place)
        node.ledger.activeUploadCount -= 1
    }

    /// As `BulkQueue`: the next piece of one source, once the kernel has taken all that was written before.
    func pumpBulk(_ slot: Int32, of node: SimulatedNode) {
        let pieceByteCount = max(Limits.uploadReadByteCount, network.quantumByteCount)
        while node.links[Int(slot)].state == .open, !node.links[Int(slot)].isSending,
            var source = node.links[Int(slot)].sources.popFirst()
        {
            if source.offset == source.byteCount {
                node.ledger.activeUploadCount -= 1
                feed(node, .uploadFinished(source.id))
                continue
            }
            let count = min(pieceByteCount, source.byteCount - source.offset)
            let content = Content.data(
                request: source.id.request, offset: Int32(source.offset), byteCount: Int32(count),
                isDamaged: source.isDamaged)
            source.offset += count
            node.links[Int(slot)].sources.append(source)
            node.ledger.sentByteCount += count
            feed(node, .uploadProgressed(source.id, byteCount: count))
            node.links[Int(slot)].isSending = true
            enqueue(content, byteCount: count, on: slot, of: node)
        }
    }

    // MARK: Trace

    private func trace(_ effect: SwarmEffect, of node: SimulatedNode) {
        node.mix(UInt64(bitPattern: now))
        switch effect {
        case .request(let ticket, _):
            node.mix(1 << 56 | UInt64(ticket.chunk.value) << 24 | UInt64(ticket.request.value))
        case .verify(let ticket): node.mix(2 << 56 | UInt64(ticket.chunk.value) << 24 | UInt64(ticket.request.value))
        case .startUpload(let id, _, let chunk):
            node.mix(3 << 56 | UInt64(chunk.value) << 24 | UInt64(id.request.value))
        case .stopUpload(let id): node.mix(4 << 56 | UInt64(id.request.value))
        case .completed: node.mix(5 << 56)
        case .wakeAt(let moment): node.mix(6 << 56 ^ UInt64(bitPattern: moment.nanoseconds))
        case .send: break  // where it is sent
        case .dropBuffer(_, let request): node.mix(8 << 56 | UInt64(request.value))
        case .disconnect(_, let reason): node.mix(9 << 56 | UInt64(reason.rawValue))
        case .dial: node.mix(10 << 56)
        case .probe(let other): node.mix(11 << 56 | UInt64(UInt32(bitPattern: node.slots[other] ?? -1)))
        case .recheck, .note: node.mix(12 << 56)
        }
    }
}
