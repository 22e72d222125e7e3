import OrderedCollections
public import Units
public import Wire

/// Whom to dial, and what to tell others about who is where.
extension Swarm {
    static let peersPause = Duration.seconds(10)

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
        addresses.learn(
            entries, from: node, tellerIsLoopback: neighbour.introduction.remoteAddress.isLoopback, this: self.node)
        duties.insert(.connect)
    }

    mutating func noteDialFailure(_ target: DialTarget, _ failure: DialFailure) {
        addresses.noteFailure(target, failure, at: clock, random: &random)
        duties.insert(.connect)
    }

    // MARK: Dialling

    /// Dials until there are enough neighbours: configured peers first, then whoever shares a model, then
    /// near ones, with two far ones among all.
    mutating func connectMore() {
        addresses.nextAttempt = nil
        while addresses.diallingCount < Limits.dialCountMax, lackingNeighbourCount > 0 {
            guard let target = nextCandidate() else { break }
            addresses.noteDial(target)
            emit(.dial(target))
        }
        if lackingNeighbourCount > 0 { addresses.nextAttempt = nextAttempt() }
    }

    private var lackingNeighbourCount: Int {
        let isDirecting = exchanges.values.contains { $0.direction?.isAnnounced ?? false }
        let target = isDirecting ? limits.neighbourCountTargetDirecting : limits.neighbourCountTarget
        let count = neighbours.count + addresses.diallingCount
        if count < target { return target - count }
        let mostLacking = exchanges.values.reduce(0) { most, exchange in
            exchange.isSatisfied ? most : max(most, Limits.participantCountTarget - exchange.views.count)
        }
        return max(0, min(mostLacking, target + Limits.participantCountTarget - count))
    }

    private mutating func nextCandidate() -> DialTarget? {
        var best: [Candidate] = []
        for candidate in candidates() {
            if let rank = best.first?.rank, rank < candidate.rank { continue }
            if let rank = best.first?.rank, rank > candidate.rank { best = [] }
            best.append(candidate)
        }
        return best.randomElement(using: &random)?.target
    }

    private func candidates() -> [Candidate] {
        var found: [Candidate] = []
        for (number, peer) in addresses.peers.enumerated() where isFree(peer) {
            guard isDue(peer.attempts) else { continue }
            found.append(Candidate(target: .peer(number), rank: peer.attempts.failureCount))
        }
        let lacksFar =
            neighbours.values.reduce(0) { $0 + ($1.distance == .far ? 1 : 0) } < Limits.farNeighbourCountTarget
        let models = exchanges.values.filter { !$0.isSatisfied }.map { $0.model }
        for (node, known) in addresses.learned where isFree(node) && isDue(known.attempts) {
            let sharesModel = models.contains { known.entry.models.contains($0) }
            let distance = addresses.recent[node]?.distance ?? .sameRegion
            let nearness = distance == .far && lacksFar ? 0 : distance.rawValue
            let rank = 100 + known.attempts.failureCount * 20 + (sharesModel ? 0 : 10) + nearness
            found.append(Candidate(target: .node(node, known.entry.endpoint), rank: rank))
        }
        return found
    }

    private func isFree(_ peer: AddressBook.Peer) -> Bool {
        guard !peer.isThisAgent else { return false }
        return peer.node.map(isFree) ?? true
    }

    /// Neither connected nor unwelcome.
    private func isFree(_ node: NodeID) -> Bool {
        neighbours[node] == nil && !denied.contains(node) && setAside.entry(of: node, at: clock) == nil
    }

    private func isDue(_ attempts: AddressBook.Attempts) -> Bool {
        !attempts.isDialling && (attempts.notBefore.map { $0 <= clock } ?? true)
    }

    /// When the first address may be tried again.
    private func nextAttempt() -> Instant? {
        var moments: [Instant] = []
        for peer in addresses.peers where !peer.isThisAgent && !peer.attempts.isDialling {
            if let node = peer.node, neighbours[node] != nil || denied.contains(node) { continue }
            let until = peer.node.flatMap { setAside.entry(of: $0, at: clock)?.until }
            moments += [peer.attempts.notBefore, until].compactMap(\.self)
        }
        for (node, known) in addresses.learned where neighbours[node] == nil && !known.attempts.isDialling {
            if let moment = known.attempts.notBefore { moments.append(moment) }
        }
        return moments.filter { $0 > clock }.min()
    }

    /// Whether an address that a neighbour named may be dialled: loopback only from a neighbour that is there itself.
    public static func mayDial(_ endpoint: Endpoint, namedBy teller: IPAddress) -> Bool {
        AddressBook.isDiallable(endpoint, loopbackAllowed: teller.isLoopback)
    }

    // MARK: Telling others

    mutating func sharePeers() {
        for (node, neighbour) in neighbours
        where neighbour.peersAreStale && neighbour.peersSentAt + Swarm.peersPause <= clock {
            neighbours[node]?.peersAreStale = false
            neighbours[node]?.peersSentAt = clock
            let address = neighbour.introduction.remoteAddress
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
                    issuesCertificates: introduction.issuesCertificates))
        }
        for neighbour in neighbours.values { share(neighbour.introduction, neighbour.models) }
        for recent in addresses.recent.values where now - recent.lostAt < AddressBook.recentDuration {
            share(recent.introduction, recent.models)
        }
        return entries
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
