import OrderedCollections
public import Units
public import Wire

/// Whom to dial, and what to tell others about who is where.
extension Swarm {
    private static let connectPause = Duration.milliseconds(250)

    /// An address that may be dialled now, and what speaks for it.
    private struct Candidate {
        let target: DialTarget
        /// Smaller is better.
        let rank: Int
    }

    mutating func configurePeers(_ count: Int) {
        precondition(count >= 0, "\(count) peers")
        addresses.configure(count)
        duties.insert(.connect)
    }

    mutating func learn(_ entries: [PeerEntry], from node: NodeID) {
        guard let neighbour = neighbours[node] else { return }
        let lately = neighbour.peersMessages.filter { clock - $0 < .seconds(60) } + [clock]
        neighbours[node]?.peersMessages = lately
        guard lately.count <= Limits.peersMessageCountPerMinuteMax, entries.count <= Limits.addressCountPerNeighbourMax
        else { return expel(node, because: .tooManyAddresses) }
        let newMarks = addresses.learn(
            entries, from: node, tellerIsLoopback: neighbour.introduction.remoteAddress.isLoopback, this: self.node)
        staleMates(ofMarks: newMarks, but: node)
        for version in exchanges.keys { findMates(for: version) }
        duties.insert(.connect)
    }

    mutating func noteDialFailure(_ target: DialTarget, _ failure: DialFailure) {
        addresses.noteFailure(target, failure, at: clock, random: &random)
        duties.insert(.connect)
    }

    // MARK: Dialling

    /// Time passed: whom to dial is looked at when an address is due, and otherwise now and then.
    mutating func considerConnecting() {
        let isRingDue = endRingPause()
        let isDue = isRingDue || addresses.nextAttempt.map { $0 <= clock } ?? false
        let next = (addresses.lookedAt ?? clock) + Swarm.connectPause
        if isDue || next <= clock { duties.insert(.connect) } else { wake(by: next) }
    }

    /// Dials until there are enough neighbours: configured peers first, then whoever shares a model. Where labels name
    /// a place, most of them are to be in it and some beyond (the other way round while this agent directs a first
    /// copy), and while either are lacking and known there may be more neighbours than usual.
    mutating func connectMore() {
        addresses.nextAttempt = nil
        addresses.lookedAt = clock
        while addresses.diallingCount < Limits.dialCountMax {
            let lack = lack()
            guard !lack.isNone else {
                // One that comes next in the place may be worth another try later.
                if place == 0 { return }
                break
            }
            guard let target = nextCandidate(lack) else { break }
            if case .node(let node, _) = target, node == lack.next { noteRingDial() }
            addresses.noteDial(target)
            emit(.dial(target))
        }
        addresses.nextAttempt = nextAttempt()
        if let moment = addresses.nextAttempt { wake(by: moment) }
    }

    /// How many neighbours are lacking: of any kind, in this node's place, beyond it.
    private struct Lack {
        var any: Int
        var inside = 0
        var beyond = 0
        /// The one that comes next in the place.
        var next: NodeID?

        var isNone: Bool { any <= 0 && inside <= 0 && beyond <= 0 && next == nil }
    }

    private func lack() -> Lack {
        let isDirecting = exchanges.values.contains { $0.direction?.isAnnounced ?? false }
        let target = isDirecting ? limits.neighbourCountTargetDirecting : limits.neighbourCountTarget
        let count = neighbours.count + addresses.diallingCount
        let forParticipants = min(participantLack, target + Limits.participantCountTarget - count)
        var lack = Lack(any: max(0, target - count, forParticipants))
        let mostEver = min(Limits.neighbourCountDialledMax, limits.neighbourCountMax)
        if count < mostEver { lack.next = nextInRing() }
        let most = isDirecting ? mostEver : max(target * 2, Limits.placeMeshCountMax + target)
        guard place != 0, count < most else { return lack }
        let beyond = isDirecting ? Limits.farNeighbourCountTargetDirecting : Limits.farNeighbourCountTarget
        let dialled = addresses.diallingCounts(mark: Place.mark(of: place))
        let insideCount = neighbours.values.reduce(dialled.inside) { $0 + ($1.isInside ? 1 : 0) }
        let inside = limits.neighbourCountTarget - Limits.farNeighbourCountTarget
        lack.inside = max(0, inside - insideCount, meshLack(insideCount))
        lack.beyond = max(0, beyond - (count - insideCount))
        return lack
    }

    /// Nodes of a small place that are known and no neighbours, beside so many that are; 0 if the place is large.
    private func meshLack(_ insideCount: Int) -> Int {
        let mark = Place.mark(of: place)
        var strangerCount = 0
        for (node, known) in addresses.learned
        where known.entry.placeMark == mark && !known.attempts.isDialling && neighbours[node] == nil {
            strangerCount += 1
        }
        return insideCount + strangerCount <= Limits.placeMeshCountMax ? strangerCount : 0
    }

    private var participantLack: Int {
        exchanges.values.reduce(0) { most, exchange in
            let isNew = clock - exchange.addedAt < Swarm.companyWait
            guard !exchange.isSatisfied, !isNew else { return most }
            return max(most, Limits.participantCountTarget - exchange.views.count)
        }
    }

    private mutating func nextCandidate(_ lack: Lack) -> DialTarget? {
        var best: [Candidate] = []
        for candidate in candidates(lack) {
            if let rank = best.first?.rank, rank < candidate.rank { continue }
            if let rank = best.first?.rank, rank > candidate.rank { best = [] }
            best.append(candidate)
        }
        return best.randomElement(using: &random)?.target
    }

    private func candidates(_ lack: Lack) -> [Candidate] {
        var found: [Candidate] = []
        for (number, peer) in addresses.peers.enumerated() where isFree(peer) && isDue(peer.attempts) {
            guard lack.any > 0 else { break }
            let failureCount = peer.attempts.failureCount + (peer.node.map(refusalCount) ?? 0)
            found.append(Candidate(target: .peer(number), rank: failureCount))
        }
        let models = exchanges.values.filter { !$0.isSatisfied }.map { $0.model }
        let markCounts = lack.beyond > 0 ? neighbourCountsByMark() : [:]
        // There may be a thousand, so nothing of them is copied, and what costs most is asked last.
        for place in addresses.learned.values.indices where isDue(addresses.learned.values[place].attempts) {
            let mark = addresses.learned.values[place].entry.placeMark
            let isInside = mark != 0 && mark == Place.mark(of: self.place)
            let isLacking = isInside ? lack.inside > 0 : lack.beyond > 0
            let node = addresses.learned.keys[place]
            guard lack.any > 0 || isLacking || lack.next == node, isFree(node) else { continue }
            let sharesModel = models.contains { addresses.learned.values[place].entry.models.contains($0) }
            let distance = addresses.recent[node]?.distance ?? .sameRegion
            // Of those beyond one is taken where there are fewest.
            let farness = min(9, 1 + markCounts[mark, default: 0])
            let nearness = isLacking ? (isInside ? 0 : farness) : 2 + distance.rawValue
            let failureCount = addresses.learned.values[place].attempts.failureCount + refusalCount(of: node)
            let rank = lack.next == node ? 99 : 100 + failureCount * 20 + (sharesModel ? 0 : 10) + nearness
            found.append(Candidate(target: .node(node, addresses.learned.values[place].entry.endpoint), rank: rank))
        }
        return found
    }

    /// Those that are being dialled included.
    private func neighbourCountsByMark() -> [UInt8: Int] {
        var counts: [UInt8: Int] = [:]
        for neighbour in neighbours.values { counts[Place.mark(of: neighbour.place), default: 0] += 1 }
        for known in addresses.learned.values.indices where addresses.learned.values[known].attempts.isDialling {
            counts[addresses.learned.values[known].entry.placeMark, default: 0] += 1
        }
        return counts
    }

    private func isFree(_ peer: AddressBook.Peer) -> Bool {
        guard !peer.isThisAgent else { return false }
        return peer.node.map(isFree) ?? true
    }

    /// Neither connected nor unwelcome, nor full a little while ago.
    func isFree(_ node: NodeID) -> Bool {
        neighbours.index(forKey: node) == nil && !denied.contains(node) && setAside.entry(of: node, at: clock) == nil
            && addresses.pauseEnd(of: node, at: clock) == nil
    }

    /// How often in a row the node had no room.
    private func refusalCount(of node: NodeID) -> Int { addresses.full[node]?.count ?? 0 }

    func isDue(_ attempts: AddressBook.Attempts) -> Bool {
        !attempts.isDialling && (attempts.notBefore.map { $0 <= clock } ?? true)
    }

    /// When the first address may be tried again.
    private func nextAttempt() -> Instant? {
        var moments: [Instant] = []
        for peer in addresses.peers where !peer.isThisAgent && !peer.attempts.isDialling {
            if let node = peer.node, neighbours[node] != nil || denied.contains(node) { continue }
            let until = peer.node.flatMap { setAside.entry(of: $0, at: clock)?.until }
            let pauseEnd = peer.node.flatMap { addresses.pauseEnd(of: $0, at: clock) }
            moments += [peer.attempts.notBefore, until, pauseEnd].compactMap(\.self)
        }
        var first = moments.filter { $0 > clock }.min()
        func note(_ moment: Instant?) {
            if let moment, moment > clock, moment < first ?? .never { first = moment }
        }
        for place in addresses.learned.values.indices where !addresses.learned.values[place].attempts.isDialling {
            let moment = addresses.learned.values[place].attempts.notBefore
            let pauseEnd =
                addresses.full.isEmpty
                ? nil : addresses.pauseEnd(of: addresses.learned.keys[place], at: clock)
            guard moment != nil || pauseEnd != nil, neighbours.index(forKey: addresses.learned.keys[place]) == nil
            else { continue }
            note(moment)
            note(pauseEnd)
        }
        return first
    }

    /// Whether an address that a neighbour named may be dialled: loopback only from a neighbour that is there itself.
    public static func mayDial(_ endpoint: Endpoint, namedBy teller: IPAddress) -> Bool {
        AddressBook.isDiallable(endpoint, loopbackAllowed: teller.isLoopback)
    }

    // MARK: Telling others

    mutating func sharePeers() {
        for place in neighbours.values.indices {
            guard neighbours.values[place].peersAreStale, neighbours.values[place].peersDueAt <= clock else { continue }
            neighbours.values[place].notePeersSent(at: clock)
            let (node, address) = (neighbours.keys[place], neighbours.values[place].introduction.remoteAddress)
            send(.peers(Peers(fitting: addressesToShare(with: node, at: address, now: clock))), to: node)
        }
    }

    /// What PEERS says to that neighbour at the start of a connection. Later changes come as effects.
    public func addressesToShare(with recipient: NodeID, at address: IPAddress, now: Instant) -> [PeerEntry] {
        var entries: [PeerEntry] = []
        func share(_ introduction: Introduction, _ models: [ModelName]) {
            guard entries.count < Limits.addressCountPerNeighbourMax, introduction.node != recipient,
                let endpoint = introduction.endpoint(forLoopback: address.isLoopback)
            else { return }
            entries.append(
                PeerEntry(
                    node: introduction.node, endpoint: endpoint, models: models,
                    issuesCertificates: introduction.issuesCertificates,
                    placeMark: Place.mark(of: Place.key(of: introduction.labels))))
        }
        for neighbour in neighbours.values { share(neighbour.introduction, neighbour.models) }
        for recent in addresses.recent.values where now - recent.lostAt < AddressBook.recentDuration {
            share(recent.introduction, recent.models)
        }
        let rest = Limits.addressCountPerNeighbourMax - entries.count
        return entries + matesHeardOf(by: recipient, at: address, but: Set(entries.map { $0.node })).prefix(rest)
    }
}

extension Introduction {
    /// Where others can reach the node; nil if it does not listen, or on loopback addresses only and they are no use.
    func endpoint(forLoopback isLoopback: Bool) -> Endpoint? {
        let all = addresses.isEmpty ? [remoteAddress] : addresses
        return all.lazy
            .map { Endpoint(address: $0, port: listeningPort) }
            .first { AddressBook.isDiallable($0, loopbackAllowed: isLoopback) }
    }
}
