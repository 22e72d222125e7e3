import OrderedCollections
import Units
import Wire

/// Which addresses there are, and how dialling them went.
struct AddressBook: Sendable {
    struct Attempts: Sendable {
        var failureCount = 0
        var notBefore: Instant?
        var isDialling = false
    }

    /// A configured peer.
    struct Peer: Sendable {
        var attempts = Attempts()
        /// Who answered there last.
        var node: NodeID?
        var isThisAgent = false
    }

    /// An address that a neighbour told.
    struct Learned: Sendable {
        var entry: PeerEntry
        let teller: NodeID
        var attempts = Attempts()
    }

    /// A node that was a neighbour.
    struct Recent: Sendable {
        let introduction: Introduction
        let models: [ModelName]
        let distance: Distance
        let lostAt: Instant
    }

    /// A node that had no room for this one.
    struct Full: Sendable {
        /// How often in a row.
        let count: Int
        let notBefore: Instant
    }

    private(set) var peers: [Peer] = []
    private(set) var learned: OrderedDictionary<NodeID, Learned> = [:]
    private(set) var recent: OrderedDictionary<NodeID, Recent> = [:]
    /// The one that said so last is the last.
    private(set) var full: OrderedDictionary<NodeID, Full> = [:]
    private(set) var diallingCount = 0
    /// When to look again for somebody to dial; nil if nobody is lacking, or nothing but news can help.
    var nextAttempt: Instant?
    /// When somebody was last looked for.
    var lookedAt: Instant?

    private static let failureCountMax = 6
    private static let recentCountMax = 256
    private static let fullCountMax = 256
    static let recentDuration = Duration.seconds(600)

    mutating func configure(_ count: Int) {
        while peers.count > count { if peers.removeLast().attempts.isDialling { diallingCount -= 1 } }
        while peers.count < count { peers.append(Peer()) }
    }

    /// Takes a neighbour's list in, which replaces what it told before. The places' marks
    /// of those that nobody told before.
    mutating func learn(_ entries: [PeerEntry], from teller: NodeID, tellerIsLoopback: Bool, this: NodeID)
        -> Set<UInt8>
    {
        var newMarks: Set<UInt8> = []
        let named = Set(entries.map { $0.node })
        let withdrawn = learned.filter {
            $0.value.teller == teller && !named.contains($0.key) && !$0.value.attempts.isDialling
        }
        for node in withdrawn.keys { learned[node] = nil }
        for entry in entries.prefix(Limits.addressCountPerNeighbourMax) where entry.node != this {
            guard AddressBook.isDiallable(entry.endpoint, loopbackAllowed: tellerIsLoopback) else { continue }
            if let known = learned[entry.node] {
                if known.teller == teller { learned[entry.node]?.entry = entry }
            } else if learned.count < Limits.addressCountMax {
                learned[entry.node] = Learned(entry: entry, teller: teller)
                if entry.placeMark != 0 { newMarks.insert(entry.placeMark) }
            }
        }
        return newMarks
    }

    static func isDiallable(_ endpoint: Endpoint, loopbackAllowed: Bool) -> Bool {
        let address = endpoint.address
        guard endpoint.port != 0, !address.isUnspecified, loopbackAllowed || !address.isLoopback else { return false }
        return address.bytes.count == 4 ? !(224...239).contains(address.bytes[0]) : address.bytes[0] != 0xFF
    }

    /// Dials under way to the place with that mark, and to others.
    func diallingCounts(mark: UInt8) -> (inside: Int, beyond: Int) {
        guard diallingCount > 0 else { return (0, 0) }
        var inside = 0
        for place in learned.values.indices
        where learned.values[place].attempts.isDialling && learned.values[place].entry.placeMark == mark { inside += 1 }
        return (inside, diallingCount - inside)
    }

    // MARK: Attempts

    mutating func noteDial(_ target: DialTarget) {
        diallingCount += 1
        change(target) { $0.isDialling = true }
    }

    mutating func noteConnected(_ introduction: Introduction) {
        recent[introduction.node] = nil
        guard let target = introduction.dialled else { return }
        endDial(target)
        change(target) { $0 = Attempts() }
        if case .peer(let number) = target, number < peers.count { peers[number].node = introduction.node }
    }

    /// The connection ended: its address is tried again soon, and named to others for a while.
    mutating func noteLost(_ neighbour: Neighbour, at now: Instant, random: inout SplitMix64) {
        let pause = Duration.milliseconds(Int64.random(in: 500...1500, using: &random))
        for number in peers.indices where peers[number].node == neighbour.node {
            peers[number].attempts.notBefore = now + pause
        }
        learned[neighbour.node]?.attempts.notBefore = now + pause
        full[neighbour.node] = nil
        recent[neighbour.node] = Recent(
            introduction: neighbour.introduction, models: neighbour.models, distance: neighbour.distance, lostAt: now)
        if recent.count > AddressBook.recentCountMax { recent.removeFirst() }
    }

    /// The node has no room: others are tried, and this one after ever longer pauses.
    mutating func noteFull(_ node: NodeID, at now: Instant, random: inout SplitMix64) {
        let count = (full.removeValue(forKey: node)?.count ?? 0) + 1
        let least = Limits.busyPauseMin.inSeconds
        let seconds = min(Limits.busyPauseMax.inSeconds, least * Double(1 << min(10, count - 1)))
        let jitter = Double.random(in: 1...1.25, using: &random)
        full[node] = Full(count: count, notBefore: now + .milliseconds(Int64(seconds * jitter * 1000)))
        if full.count > AddressBook.fullCountMax { full.removeFirst() }
    }

    /// Until when a node is left alone because it was full; nil if it may be dialled.
    func pauseEnd(of node: NodeID, at now: Instant) -> Instant? {
        full[node].flatMap { $0.notBefore > now ? $0.notBefore : nil }
    }

    mutating func noteFailure(
        _ target: DialTarget, _ failure: DialFailure, at now: Instant, random: inout SplitMix64
    ) {
        endDial(target)
        switch failure {
        case .unreachable:
            let jitter = Double.random(in: 0.75...1.25, using: &random)
            change(target) { attempts in
                attempts.failureCount += 1
                let seconds = Double(min(60, 1 << min(6, attempts.failureCount - 1))) * jitter
                attempts.notBefore = now + .milliseconds(Int64(seconds * 1000))
            }
            forgetIfHopeless(target)
        case .busy: change(target) { $0.notBefore = now + .seconds(10) }
        case .duplicate(let node):
            change(target) { $0 = Attempts(notBefore: now + .seconds(1)) }; link(target, to: node)
        case .unwelcome(let node): change(target) { $0.notBefore = now + .seconds(30) }; link(target, to: node)
        case .itself:
            if case .peer(let number) = target, number < peers.count { peers[number].isThisAgent = true }
            forget(target)
        case .wrongNode:
            change(target) { $0.notBefore = now + .seconds(60) }
            forget(target)
        }
    }

    private mutating func link(_ target: DialTarget, to node: NodeID) {
        if case .peer(let number) = target, number < peers.count { peers[number].node = node }
    }

    private mutating func forget(_ target: DialTarget) {
        if case .node(let node, _) = target { learned[node] = nil }
    }

    /// What neighbours told is forgotten when it does not answer; what the configuration says never is.
    private mutating func forgetIfHopeless(_ target: DialTarget) {
        guard case .node(let node, _) = target, let known = learned[node],
            known.attempts.failureCount >= AddressBook.failureCountMax
        else { return }
        learned[node] = nil
    }

    private mutating func endDial(_ target: DialTarget) {
        var wasDialling = false
        change(target) {
            wasDialling = $0.isDialling
            $0.isDialling = false
        }
        if wasDialling { diallingCount -= 1 }
    }

    private mutating func change(_ target: DialTarget, _ body: (inout Attempts) -> Void) {
        switch target {
        case .peer(let number): if number < peers.count { body(&peers[number].attempts) }
        case .node(let node, _):
            guard var known = learned[node] else { return }
            body(&known.attempts)
            learned[node] = known
        }
    }
}
