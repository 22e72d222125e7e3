import DequeModule
import Swarm
import Units
import Wire

/// Dials, connections and their ends, as the switchboard and the dialler make them.
extension Shard {
    /// TCP opens in one round trip, TLS in one and a half with HELLO.
    private static let handshakeDelayCount: Nanoseconds = 5
    private static let dialPatience: Nanoseconds = 3_000_000_000

    // MARK: Dialling

    func dial(_ target: DialTarget, from node: SimulatedNode) {
        let other: Int32
        switch target {
        case .peer(let place): other = node.profile.peers[place]
        case .node(_, let endpoint): other = Int32(NodeProfile.index(at: endpoint.address))
        }
        guard other != node.index else {
            return post(.metItself(target), to: node.index, at: now + setting.delay, by: node)
        }
        let slot = node.makeSlot(network)
        let delay = setting.delay(between: node.index, and: other)
        let profile = setting.profiles[Int(other)]
        node.links[Int(slot)].state = .dialling
        node.links[Int(slot)].target = target
        node.links[Int(slot)].peerID = profile.id
        node.links[Int(slot)].peer = LinkAddress(node: other, slot: -1, generation: 0)
        node.links[Int(slot)].delay = delay
        if node.slots[profile.id] == nil { node.slots[profile.id] = slot }
        let address = node.address(of: slot)
        post(.dialTimeout(address), to: node.index, at: now + Self.dialPatience, by: node)
        let dial = Dial(from: address, id: node.profile.id, rack: node.profile.rack)
        post(.dialArrival(dial), to: other, at: now + delay * Self.handshakeDelayCount, by: node)
    }

    /// A node that dialled is here, and proved who it is.
    func takeDial(_ dial: Dial, at node: SimulatedNode, order: UInt64) {
        let opening = setting.weather.opening(between: dial.from.node, and: node.index, at: now)
        guard opening == now else {
            if opening < .never { agenda.add((node.index, .dialArrival(dial)), at: opening, order: order) }
            return
        }
        let delay = setting.delay(between: node.index, and: dial.from.node)
        let failure = refusal(of: dial, at: node)
        if failure == .busy { return turnAway(dial, at: node) }
        if let failure {
            return post(.dialRefused(dial.from, failure), to: dial.from.node, at: now + delay, by: node)
        }
        let slot = node.makeSlot(network)
        node.links[Int(slot)].peer = dial.from
        node.links[Int(slot)].peerID = dial.id
        node.links[Int(slot)].delay = delay
        node.links[Int(slot)].state = .open
        node.slots[dial.id] = slot
        enqueue(.accepted(by: node.address(of: slot)), byteCount: 0, on: slot, of: node)
        introduce(slot, dialled: nil, at: node)
    }

    /// No room: the caller learns of others before it is told so.
    private func turnAway(_ dial: Dial, at node: SimulatedNode) {
        let address = NodeProfile.address(of: Int(dial.from.node))
        let shared = node.swarm.addressesToShare(with: dial.id, at: address, now: instant(now))
        let delay = setting.delay(between: node.index, and: dial.from.node)
        post(.turnedAway(dial.from, Peers(fitting: shared)), to: dial.from.node, at: now + delay, by: node)
    }

    func takeTurningAway(from address: LinkAddress, _ peers: Peers, at node: SimulatedNode) {
        guard node.isCurrent(address), node.links[Int(address.slot)].state == .dialling,
            let target = node.links[Int(address.slot)].target
        else { return }
        let (other, peer) = (node.links[Int(address.slot)].peerID, node.links[Int(address.slot)].peer)
        guard node.slots[other] == address.slot, node.swarm.admission(of: other, now: instant(now)) == .welcome else {
            return endDial(address, .busy, at: node)
        }
        release(address.slot, of: node)
        feed(node, .neighbourConnected(introduction(of: peer.node, dialled: target)))
        feed(node, .received(.peers(peers), from: other))
        feed(node, .neighbourFull(other))
    }

    private func refusal(of dial: Dial, at node: SimulatedNode) -> DialFailure? {
        guard node.isAlive else { return .unreachable }
        switch node.swarm.admission(of: dial.id, now: instant(now)) {
        case .welcome: break
        case .full: return .busy
        case .setAside, .denied: return .unreachable
        }
        guard let slot = node.slots[dial.id] else { return nil }
        // Two dials that cross: that of the lower node stays.
        if node.links[Int(slot)].state == .dialling, dial.id < node.profile.id { return nil }
        return .duplicate(node.profile.id)
    }

    /// The node that was dialled has said HELLO.
    func finishDial(on slot: Int32, acceptedBy address: LinkAddress, at node: SimulatedNode) {
        let place = Int(slot)
        guard node.links[place].state == .dialling, let target = node.links[place].target else { return }
        let id = node.links[place].peerID
        let delay = node.links[place].delay
        var failure: DialFailure?
        switch node.swarm.admission(of: id, now: instant(now)) {
        case .welcome: break
        case .full: failure = .busy
        case .setAside, .denied: failure = .unwelcome(id)
        }
        if let other = node.slots[id], other != slot { failure = .duplicate(id) }
        if let failure {
            release(slot, of: node)
            post(.reset(address), to: address.node, at: now + delay, by: node)
            return feed(node, .dialFailed(target, failure))
        }
        node.links[place].peer = address
        node.links[place].state = .open
        node.slots[id] = slot
        introduce(slot, dialled: target, at: node)
    }

    func endDial(_ address: LinkAddress, _ failure: DialFailure, at node: SimulatedNode) {
        guard node.isCurrent(address), node.links[Int(address.slot)].state == .dialling,
            let target = node.links[Int(address.slot)].target
        else { return }
        release(address.slot, of: node)
        feed(node, .dialFailed(target, failure))
    }

    private func introduce(_ slot: Int32, dialled: DialTarget?, at node: SimulatedNode) {
        let place = Int(slot)
        node.links[place].lastReceived = now
        node.links[place].lastSent = now
        let id = node.links[place].peerID
        let peer = node.links[place].peer.node
        let address = NodeProfile.address(of: Int(peer))
        send(.models([setting.model]), on: slot, of: node)
        let shared = node.swarm.addressesToShare(with: id, at: address, now: instant(now))
        send(.peers(Peers(fitting: shared)), on: slot, of: node)
        feed(node, .neighbourConnected(introduction(of: peer, dialled: dialled)))
        if node.slots[id] == slot { ping(on: slot, of: node) }
    }

    private func introduction(of index: Int32, dialled: DialTarget?) -> Introduction {
        let profile = setting.profiles[Int(index)]
        let hasLabels = setting.scenario.rackCount > 0 && setting.scenario.hasLabels
        return Introduction(
            node: profile.id, labels: hasLabels ? ["rack": "r\(profile.rack)"] : [:], listeningPort: 7447,
            remoteAddress: NodeProfile.address(of: profile.index), dialled: dialled)
    }

    // MARK: Ends

    /// Frees the place, and forgets what the shell kept for the connection.
    private func release(_ slot: Int32, of node: SimulatedNode) {
        let place = Int(slot)
        for buffer in node.links[place].buffers.values {
            node.ledger.unverifiedByteCount -= buffer.byteCount
            node.ledger.givenUpCount += 1
        }
        node.ledger.activeUploadCount -= node.links[place].sources.count
        if node.slots[node.links[place].peerID] == slot { node.slots[node.links[place].peerID] = nil }
        node.links[place].clear(network)
        node.freeSlots.append(slot)
    }

    /// The core has given the neighbour up.
    func disconnect(_ other: NodeID, because reason: GoodbyeCode, at node: SimulatedNode) {
        judge(reason, of: other, at: node)
        guard let slot = node.slots[other] else { return }
        hangUp(slot, of: node)
    }

    /// Closes this end and tells the other one.
    private func hangUp(_ slot: Int32, of node: SimulatedNode) {
        let link = node.links[Int(slot)]
        if link.state == .open {
            let parcel = Parcel(
                .goodbye, from: node.address(of: slot), to: link.peer, wireByteCount: 100, windowByteCount: 0, tail: 0)
            post(.head(parcel), to: link.peer.node, at: max(now, node.uplinkFreeAt) + link.delay, by: node)
        }
        release(slot, of: node)
    }

    /// The other end is gone.
    func loseLink(_ address: LinkAddress, at node: SimulatedNode) {
        guard node.isCurrent(address) else { return }
        let link = node.links[Int(address.slot)]
        if link.state == .dialling { return endDial(address, .unreachable, at: node) }
        release(address.slot, of: node)
        feed(node, .neighbourLost(link.peerID))
    }

    /// As `LinkVigil`: silence is broken by a PING, and does not last.
    func watch(_ node: SimulatedNode) {
        guard node.isAlive else { return }
        let ping = Nanoseconds(Limits.pingSeconds) * 1_000_000_000
        let silence = Nanoseconds(Limits.silenceSeconds) * 1_000_000_000
        for place in node.links.indices where node.links[place].state == .open {
            if now - node.links[place].lastReceived > silence {
                let id = node.links[place].peerID
                hangUp(Int32(place), of: node)
                feed(node, .neighbourLost(id))
            } else if now - min(node.links[place].lastReceived, node.links[place].lastSent) > ping {
                self.ping(on: Int32(place), of: node)
            }
        }
        post(.watch, to: node.index, at: now + 1_000_000_000, by: node)
    }
}
