import DequeModule
import Swarm
import Units
import Wire

/// How bytes get from one node to another: a stream for each connection, through the sender's uplink, the uplinks of two
/// racks if there are two, and the receiver's downlink, each of them first in, first out.
extension Shard {
    // MARK: Sending

    func send(_ message: Message, on slot: Int32, of node: SimulatedNode) {
        node.ledger.controlByteCount += message.bodyByteCount + network.controlOverheadByteCount
        enqueue(.message(message), byteCount: 0, on: slot, of: node)
    }

    func ping(on slot: Int32, of node: SimulatedNode) {
        guard node.links[Int(slot)].state == .open, !node.links[Int(slot)].hasOpenPing else { return }
        node.links[Int(slot)].hasOpenPing = true
        enqueue(.ping(sentAt: now), byteCount: 0, on: slot, of: node)
    }

    /// Writes to the stream. `byteCount` is of payload; 0 for a control frame.
    func enqueue(_ content: Content, byteCount: Int, on slot: Int32, of node: SimulatedNode) {
        let place = Int(slot)
        guard node.links[place].state == .open else { return }
        node.links[place].queue.append(.init(content: content, byteCount: byteCount))
        node.links[place].queuedByteCount += max(byteCount, 1)
        node.links[place].lastSent = now
        node.ledger.queuedByteCountPeak = max(node.ledger.queuedByteCountPeak, node.links[place].queuedByteCount)
        transmit(slot, of: node)
    }

    /// Sends what the window lets through; then the writer may go on.
    func transmit(_ slot: Int32, of node: SimulatedNode) {
        let place = Int(slot)
        while let item = node.links[place].queue.first {
            let isIdle = node.links[place].inFlightByteCount == 0
            let room = Int(node.links[place].window.byteCount) - node.links[place].inFlightByteCount
            let count = min(item.byteCount, network.quantumByteCount)
            guard isIdle || count <= room else { break }
            node.links[place].window.noteSending(at: now, isIdle: isIdle, network)
            launch(item.content, payload: count, on: slot, of: node)
            if count == item.byteCount {
                node.links[place].queue.removeFirst()
                node.links[place].queuedByteCount -= max(count, 1)
            } else {
                node.links[place].queue[0] = item.rest(after: count)
                node.links[place].queuedByteCount -= count
            }
        }
        guard node.links[place].isSending, node.links[place].unacceptedByteCount(network) == 0 else { return }
        node.links[place].isSending = false
        pumpBulk(slot, of: node)
    }

    private func wireByteCount(_ content: Content, payload: Int) -> Int {
        switch content {
        case .data:
            let frameCount = (payload + Limits.dataFrameByteCount - 1) / Limits.dataFrameByteCount
            return Int(Double(payload + frameCount * network.frameOverheadByteCount) * network.wireFactor)
        case .message(let message):
            let count = message.bodyByteCount
            return network.controlOverheadByteCount + (count < 1448 ? count : Int(Double(count) * network.wireFactor))
        case .ping, .pong, .goodbye: return network.controlOverheadByteCount + 9
        case .accepted: return network.controlOverheadByteCount + 200
        }
    }

    /// Puts one parcel into the uplink's queue.
    private func launch(_ content: Content, payload: Int, on slot: Int32, of node: SimulatedNode) {
        let link = node.links[Int(slot)]
        let wire = wireByteCount(content, payload: payload)
        let serving = processor?.spend(Double(payload) * network.sendNanosecondsPerByte, at: now) ?? now
        let start = max(now, node.uplinkFreeAt, serving)
        node.uplinkFreeAt = start + Nanoseconds(Double(wire) * node.profile.nanosecondsPerByte)
        node.ledger.wireSentByteCount += wire
        samples.addSent(wire, by: node.profile, at: start)
        let queue = Double(start - now) / node.profile.nanosecondsPerByte
        if queue > Double(network.uplinkQueueByteCount) { node.links[Int(slot)].window.reduce(at: now) }
        var (head, tail) = (start, node.uplinkFreeAt)
        var isCongested = false
        let (here, there) = (node.profile.rack, setting.profiles[Int(link.peer.node)].rack)
        if let nanoseconds = setting.rackNanosecondsPerByte, here != there {
            let begin = max(start, rackUpFreeAt[here])
            isCongested = Double(begin - start) / nanoseconds > Double(network.rackQueueByteCount)
            rackUpFreeAt[here] = begin + Nanoseconds(Double(wire) * nanoseconds)
            (head, tail) = (begin, max(tail, rackUpFreeAt[here]))
        }
        node.links[Int(slot)].inFlightByteCount += payload
        var carried = content
        if case .data(let request, let offset, _, let isDamaged) = content {
            carried = .data(request: request, offset: offset, byteCount: Int32(payload), isDamaged: isDamaged)
        }
        let parcel = Parcel(
            to: link.peer, from: node.address(of: slot), wireByteCount: Int32(wire), tail: tail + link.delay,
            windowByteCount: Int32(payload), isCongested: isCongested, content: carried)
        post(.head(parcel), to: link.peer.node, at: head + link.delay, by: node)
    }

    // MARK: Receiving

    /// The first byte is here: the rest queues at the rack's downlink and at the node's.
    func takeHead(_ parcel: Parcel, at node: SimulatedNode, order: UInt64) {
        let opening = setting.weather.opening(between: parcel.from.node, and: node.index, at: now)
        guard opening == now else {
            if opening < .never { agenda.add((node.index, .head(parcel)), at: opening, order: order) }
            return
        }
        var parcel = parcel
        let wire = Double(parcel.wireByteCount)
        var (begin, end) = (now, parcel.tail)
        let (here, there) = (node.profile.rack, setting.profiles[Int(parcel.from.node)].rack)
        if let nanoseconds = setting.rackNanosecondsPerByte, here != there {
            begin = max(now, rackDownFreeAt[here])
            if Double(begin - now) / nanoseconds > Double(network.rackQueueByteCount) { parcel.isCongested = true }
            rackDownFreeAt[here] = begin + Nanoseconds(wire * nanoseconds)
            end = max(end, rackDownFreeAt[here])
            rackPayloadByteCounts[here] += Int(parcel.windowByteCount)
            rackWireByteCounts[here] += Int(parcel.wireByteCount)
            samples.addCrossing(Int(parcel.wireByteCount), at: now)
        }
        let queue = Double(node.downlinkFreeAt - begin) / node.profile.nanosecondsPerByte
        if queue > Double(network.downlinkQueueByteCount) { parcel.isCongested = true }
        node.downlinkFreeAt = max(begin, node.downlinkFreeAt) + Nanoseconds(wire * node.profile.nanosecondsPerByte)
        end = max(end, node.downlinkFreeAt)
        if let processor {
            end = max(
                end, processor.expected(Double(parcel.windowByteCount) * network.receiveNanosecondsPerByte, at: end))
        }
        post(.arrival(parcel), to: node.index, at: end, by: node)
    }

    /// The last byte is here.
    func takeArrival(_ parcel: Parcel, at node: SimulatedNode) {
        samples.addReceived(Int(parcel.wireByteCount), by: node.profile, at: now)
        node.ledger.wireReceivedByteCount += Int(parcel.wireByteCount)
        guard node.isCurrent(parcel.to) else {
            if case .goodbye = parcel.content { return }
            return post(
                .reset(parcel.from), to: parcel.from.node,
                at: now + setting.delay(between: node.index, and: parcel.from.node), by: node)
        }
        let place = Int(parcel.to.slot)
        if parcel.windowByteCount > 0 { acknowledge(parcel, at: node) }
        node.links[place].lastReceived = now
        let other = node.links[place].peerID
        switch parcel.content {
        case .data(let request, let offset, let count, let isDamaged):
            processor?.spend(Double(count) * network.receiveNanosecondsPerByte, at: now)
            let span = DataSpan(neighbour: other, request: request, offset: Int(offset), byteCount: Int(count))
            takeData(span, isDamaged: isDamaged, on: place, of: node)
        case .message(let message): feed(node, .received(message, from: other))
        case .ping(let sentAt): enqueue(.pong(sentAt: sentAt), byteCount: 0, on: parcel.to.slot, of: node)
        case .pong(let sentAt):
            node.links[place].hasOpenPing = false
            feed(node, .roundTripMeasured(other, .nanoseconds(now - sentAt)))
        case .accepted(let address): finishDial(on: parcel.to.slot, acceptedBy: address, at: node)
        case .goodbye: loseLink(parcel.to, at: node)
        }
    }

    private func takeData(_ span: DataSpan, isDamaged: Bool, on place: Int, of node: SimulatedNode) {
        node.ledger.receivedByteCount += span.byteCount
        var span = span
        if setting.scenario.plant == .shiftData, node.ledger.receivedByteCount / network.quantumByteCount % 1000 == 999
        {
            span = DataSpan(
                neighbour: span.neighbour, request: span.request, offset: span.offset + 1, byteCount: span.byteCount)
        }
        if var buffer = node.links[place].buffers[span.request], buffer.received == span.offset {
            buffer.received += span.byteCount
            buffer.isDamaged = buffer.isDamaged || isDamaged
            node.links[place].buffers[span.request] = buffer
        }
        feed(node, .dataReceived(span))
    }

    private func acknowledge(_ parcel: Parcel, at node: SimulatedNode) {
        let share = Double(parcel.wireByteCount) / 65_536 * Double(network.acknowledgementByteCount)
        let start = max(now, node.uplinkFreeAt)
        node.uplinkFreeAt = start + Nanoseconds(share * node.profile.nanosecondsPerByte)
        node.ledger.wireSentByteCount += Int(share)
        let delay = node.links[Int(parcel.to.slot)].delay
        post(
            .acknowledgement(parcel.from, byteCount: parcel.windowByteCount, isCongested: parcel.isCongested),
            to: parcel.from.node, at: start + delay, by: node)
    }

    func takeAcknowledgement(
        _ address: LinkAddress, byteCount: Int, isCongested: Bool, at node: SimulatedNode, order: UInt64
    ) {
        guard node.isCurrent(address) else { return }
        let place = Int(address.slot)
        let opening = setting.weather.opening(between: node.links[place].peer.node, and: node.index, at: now)
        guard opening == now else {
            guard opening < .never else { return }
            let again = Happening.acknowledgement(address, byteCount: Int32(byteCount), isCongested: isCongested)
            return agenda.add((node.index, again), at: opening, order: order)
        }
        node.links[place].inFlightByteCount -= byteCount
        node.links[place].window.noteAcknowledged(byteCount, isCongested: isCongested, at: now, network)
        transmit(address.slot, of: node)
    }
}

extension SimulatedLink.Item {
    /// What is left of it.
    func rest(after count: Int) -> Self {
        guard case .data(let request, let offset, _, let isDamaged) = content else { return self }
        let rest = byteCount - count
        return Self(
            content: .data(
                request: request, offset: offset + Int32(count), byteCount: Int32(rest), isDamaged: isDamaged),
            byteCount: rest)
    }
}
