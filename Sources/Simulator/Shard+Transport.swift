import DequeModule
import Swarm
import Units
import Wire

/// How bytes get from one node to another: a stream for each connection, through the sender's uplink, the uplinks of
/// two racks if there are two, and the receiver's downlink, each of them first in, first out.
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
        node.links[place].lastSent = now
        if byteCount == 0, node.links[place].mayOvertakeNothing(at: now, network) {
            return launch(content, payload: 0, on: slot, of: node)
        }
        node.links[place].queue.append(.init(content: content, byteCount: byteCount))
        node.links[place].queuedByteCount += max(byteCount, 1)
        node.ledger.queuedByteCountPeak = max(node.ledger.queuedByteCountPeak, node.links[place].queuedByteCount)
        transmit(slot, of: node)
    }

    /// Sends what the window lets through; then the writer may go on.
    func transmit(_ slot: Int32, of node: SimulatedNode) {
        let place = Int(slot)
        while let (content, count) = node.links[place].takeNext(at: now, network) {
            launch(content, payload: count, on: slot, of: node)
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
        let place = Int(slot)
        let (peer, delay) = (node.links[place].peer, node.links[place].delay)
        let wire = wireByteCount(content, payload: payload)
        let serving = processor?.spend(Double(payload) * network.sendNanosecondsPerByte, at: now) ?? now
        let start = max(queued(until: node.uplinkFreeAt, payload: payload), serving, node.links[place].lastLeft)
        node.links[place].lastLeft = start
        let duration = Nanoseconds(Double(wire) * node.profile.nanosecondsPerByte)
        node.uplinkFreeAt = max(start, node.uplinkFreeAt) + duration
        node.ledger.wireSentByteCount += wire
        samples.addSent(wire, by: node.profile, at: start)
        let queue = Double(start - now) / node.profile.nanosecondsPerByte
        if queue > Double(network.uplinkQueueByteCount) { node.links[place].window.reduce(at: now) }
        let isCrossing = setting.rackNanosecondsPerByte != nil && node.profile.rack != setting.racks[Int(peer.node)]
        let parcel = Parcel(
            content, from: node.address(of: slot), to: peer, wireByteCount: wire, windowByteCount: payload,
            tail: start + duration + (isCrossing ? 0 : delay))
        if isCrossing { return post(.leaving(parcel), to: node.index, at: start, by: node) }
        post(.head(parcel), to: peer.node, at: start + delay, by: node)
    }

    /// When something that comes to a queue now leaves it, which is free from then on.
    private func queued(until freeAt: Nanoseconds, payload: Int) -> Nanoseconds {
        let wait = max(0, freeAt - now)
        return now + (payload > 0 ? wait : Nanoseconds(Double(wait) * network.controlQueueShare))
    }

    /// The first byte is at the uplink of the sender's rack, where it queues with what other nodes of the rack send.
    func leaveRack(_ parcel: Parcel, from node: SimulatedNode) {
        guard let nanoseconds = setting.rackNanosecondsPerByte else { return }
        let rack = node.profile.rack
        var begin = queued(until: rackUpFreeAt[rack], payload: Int(parcel.windowByteCount))
        if node.isCurrent(parcel.from) {
            begin = max(begin, node.links[Int(parcel.from.slot)].lastLeftRack)
            node.links[Int(parcel.from.slot)].lastLeftRack = begin
        }
        if Double(begin - now) / nanoseconds > Double(network.rackQueueByteCount) { parcel.isCongested = true }
        let duration = Nanoseconds(Double(parcel.wireByteCount) * nanoseconds)
        rackUpFreeAt[rack] = max(begin, rackUpFreeAt[rack]) + duration
        let delay = setting.delay(between: node.index, and: parcel.to.node)
        parcel.tail = max(parcel.tail, begin + duration) + delay
        post(.head(parcel), to: parcel.to.node, at: begin + delay, by: node)
    }

    // MARK: Receiving

    /// The first byte is here: the rest queues at the rack's downlink and at the node's.
    func takeHead(_ parcel: Parcel, at node: SimulatedNode, order: UInt64) {
        let opening = setting.weather.opening(between: parcel.from.node, and: node.index, at: now)
        guard opening == now else {
            if opening < .never { agenda.add((node.index, .head(parcel)), at: opening, order: order) }
            return
        }
        let (wire, payload) = (Double(parcel.wireByteCount), Int(parcel.windowByteCount))
        var (begin, end) = (now, parcel.tail)
        let here = node.profile.rack
        if let nanoseconds = setting.rackNanosecondsPerByte, here != setting.racks[Int(parcel.from.node)] {
            begin = queued(until: rackDownFreeAt[here], payload: payload)
            if Double(begin - now) / nanoseconds > Double(network.rackQueueByteCount) { parcel.isCongested = true }
            let duration = Nanoseconds(wire * nanoseconds)
            rackDownFreeAt[here] = max(begin, rackDownFreeAt[here]) + duration
            end = max(end, begin + duration)
            rackPayloadByteCounts[here] += payload
            rackWireByteCounts[here] += Int(parcel.wireByteCount)
            samples.addCrossing(Int(parcel.wireByteCount), at: now)
        }
        let queue = Double(node.downlinkFreeAt - begin) / node.profile.nanosecondsPerByte
        if queue > Double(network.downlinkQueueByteCount) { parcel.isCongested = true }
        let leaving = max(begin, queued(until: node.downlinkFreeAt, payload: payload))
        let duration = Nanoseconds(wire * node.profile.nanosecondsPerByte)
        node.downlinkFreeAt = max(begin, node.downlinkFreeAt) + duration
        end = max(end, leaving + duration)
        if let processor {
            end = max(
                end, processor.expected(Double(parcel.windowByteCount) * network.receiveNanosecondsPerByte, at: end))
        }
        if node.isCurrent(parcel.to) {
            end = max(end, node.links[Int(parcel.to.slot)].lastArrival)
            node.links[Int(parcel.to.slot)].lastArrival = end
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
        if plant == .shiftData, node.ledger.receivedByteCount / network.quantumByteCount % 1000 == 999 {
            span = DataSpan(
                neighbour: span.neighbour, request: span.request, offset: span.offset + 1, byteCount: span.byteCount)
        }
        if let number = node.links[place].buffers.place(of: span.request),
            node.links[place].buffers.values[number].received == span.offset
        {
            node.links[place].buffers.values[number].received += span.byteCount
            if isDamaged { node.links[place].buffers.values[number].isDamaged = true }
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
        node.links[place].takeAcknowledgement(of: byteCount, isCongested: isCongested, at: now, network)
        transmit(address.slot, of: node)
    }
}
