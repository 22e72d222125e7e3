import Swarm
import Testing
import Units
import Wire

/// Several cores, links with a rate and a delay, and a clock: enough of the world to see a swarm work.
///
/// Each node has one uplink and one downlink. Frames of 16 KiB of the chunks that it uploads take turns on the
/// uplink, at most 64 KiB of a connection are under way at once, and arriving frames queue at the downlink.
/// Control frames take the delay only.
final class VirtualNetwork {
    struct Node {
        var swarm: Swarm
        var upRate: Double
        var downRate: Double
        var uploads: [Upload] = []
        var isUplinkBusy = false
        var downlinkFreeAt = Instant.zero
        var wakeGeneration = 0
        var isDead = false
        /// Sends wrong bytes.
        var isLiar = false
        /// Takes requests and sends nothing any more, and answers nothing.
        var isFrozen = false
        var completedAt: Instant?
        var sentByteCount = 0
        var receivedByteCount = 0
        var notes: [SwarmNote] = []
        var disconnects: [GoodbyeCode] = []
        var configuredPeers: [Int] = []
        var dialled: [Int] = []
        /// When it was told `busy`.
        var refusals: [Instant] = []
    }

    struct Upload {
        let id: UploadID
        let chunk: ChunkIndex
        let byteCount: Int
        var sent = 0
    }

    enum Happening {
        case event(Int, SwarmEvent, connection: Int?)
        case wake(Int, generation: Int)
        case uplinkFree(Int)
        case delivered(from: Int, to: Int, connection: Int, DataSpan)
        case action(() -> Void)
    }

    let version = Digest(exactly: Array(repeating: 7, count: 32))
    let chunkByteCounts: [UInt32]
    let frameByteCount = 16 << 10
    var delay: Duration
    var windowByteCount = 64 << 10
    var nodes: [Node] = []
    var now = Instant.zero
    /// FNV-1a over all effects, when asked for.
    var trace: UInt64? = nil
    /// (low, high) → connection number; gone when it ends.
    private var connections: [Pair: Int] = [:]
    private var connectionCount = 0
    private var standstill = 0
    private var inFlight: [Flow: Int] = [:]
    private var agenda = Agenda<Happening>()
    private let seed: UInt64
    private let limits: SwarmLimits

    struct Pair: Hashable {
        let low: Int
        let high: Int
        init(_ a: Int, _ b: Int) { (low, high) = (min(a, b), max(a, b)) }
    }
    struct Flow: Hashable {
        let from: Int
        let to: Int
        let connection: Int
    }

    init(
        seed: UInt64, chunkCount: Int, chunkByteCount: Int, delay: Duration = .microseconds(200),
        limits: SwarmLimits = SwarmLimits()
    ) {
        self.seed = seed
        self.delay = delay
        self.limits = limits
        chunkByteCounts = Array(repeating: UInt32(chunkByteCount), count: chunkCount)
    }

    var totalByteCount: Int { chunkByteCounts.reduce(0) { $0 + Int($1) } }
    var seconds: Double { Double(now.nanoseconds) / 1e9 }

    static func id(_ number: Int) -> NodeID {
        NodeID(exactly: Array(repeating: 0, count: 14) + [UInt8(number / 256), UInt8(number % 256)])
    }
    static func number(_ id: NodeID) -> Int { Int(id.bytes[14]) * 256 + Int(id.bytes[15]) }
    static func endpoint(_ number: Int) -> Endpoint? {
        IPAddress([127, 0, 0, 1]).map { Endpoint(address: $0, port: UInt16(7000 + number)) }
    }

    func addNode(rate: Double, labels: [String: String] = [:]) -> Int {
        let number = nodes.count
        let swarm = Swarm(
            node: Self.id(number), labels: labels, limits: limits, seed: seed &* 1000 &+ UInt64(number))
        nodes.append(Node(swarm: swarm, upRate: rate, downRate: rate))
        return number
    }

    func plan(complete: Bool, seeding: VersionPlan.Seeding = .ordinary) -> VersionPlan {
        let count = chunkByteCounts.count
        guard let model = ModelName("test") else { preconditionFailure("test is a name") }
        return VersionPlan(
            version: version, model: model, chunkByteCounts: chunkByteCounts,
            held: complete ? .full(capacity: count) : ChunkSet(capacity: count), needed: .full(capacity: count),
            seeding: seeding)
    }

    func publish(at number: Int, seeding: VersionPlan.Seeding = .directing) {
        nodes[number].completedAt = now
        feed(number, .versionAdded(plan(complete: true, seeding: seeding)))
    }

    func want(at number: Int) { feed(number, .versionAdded(plan(complete: false))) }

    func connect(_ a: Int, _ b: Int, dialledBy target: DialTarget? = nil) {
        connectionCount += 1
        connections[Pair(a, b)] = connectionCount
        for (one, other) in [(a, b), (b, a)] {
            guard let address = IPAddress([127, 0, 0, 1]) else { return }
            let introduction = Introduction(
                node: Self.id(other), listeningPort: UInt16(7000 + other), remoteAddress: address,
                dialled: one == a ? target : nil)
            feed(one, .neighbourConnected(introduction))
            let entries = nodes[other].swarm.addressesToShare(with: Self.id(one), at: address, now: now)
            if !entries.isEmpty {
                later(
                    delay,
                    .event(
                        one, .received(.peers(Peers(fitting: entries)), from: Self.id(other)),
                        connection: connectionCount))
            }
        }
    }

    func connectAll() {
        for high in nodes.indices { for low in 0..<high { connect(low, high) } }
    }

    func at(_ moment: Double, _ action: @escaping () -> Void) {
        agenda.add(.action(action), at: Instant.zero + .nanoseconds(Int64(moment * 1e9)))
    }

    /// The node is gone, and its connections with it.
    func kill(_ number: Int) {
        nodes[number].isDead = true
        for pair in connections.keys.filter({ $0.low == number || $0.high == number }).sorted(by: {
            ($0.low, $0.high) < ($1.low, $1.high)
        }) {
            connections[pair] = nil
            feed(pair.low == number ? pair.high : pair.low, .neighbourLost(Self.id(number)))
        }
    }

    /// Runs until nothing is left, everybody is done or the time is over. True if all living nodes are complete.
    @discardableResult
    func run(forSeconds limit: Double, until isDone: ((VirtualNetwork) -> Bool)? = nil) -> Bool {
        let end = Instant.zero + .nanoseconds(Int64(limit * 1e9))
        let condition = isDone ?? { $0.allComplete }
        while !condition(self), let (moment, happening) = agenda.next(before: end) {
            standstill = moment == now ? standstill + 1 : 0
            guard standstill < 100_000 else {
                Issue.record("time stands still at \(now): \(happening)")
                return false
            }
            now = moment
            happen(happening)
        }
        return condition(self)
    }

    var allComplete: Bool { nodes.allSatisfy { $0.isDead || $0.isFrozen || $0.completedAt != nil } }
    var lastCompletion: Double { nodes.compactMap { $0.completedAt }.map { Double($0.nanoseconds) / 1e9 }.max() ?? 0 }

    // MARK: The world

    private func happen(_ happening: Happening) {
        switch happening {
        case .action(let action): action()
        case .event(let number, let event, let connection):
            if let connection, !connections.values.contains(connection) { return }
            feed(number, event)
        case .wake(let number, let generation):
            if nodes[number].wakeGeneration == generation { feed(number, .timePassed) }
        case .uplinkFree(let number):
            nodes[number].isUplinkBusy = false
            sendNextFrame(from: number)
        case .delivered(let from, let to, let connection, let span):
            inFlight[Flow(from: from, to: to, connection: connection), default: 0] -= span.byteCount
            if connections[Pair(from, to)] == connection {
                nodes[to].receivedByteCount += span.byteCount
                feed(to, .dataReceived(span))
            }
            sendNextFrame(from: from)
        }
    }

    func later(_ wait: Duration, _ happening: Happening) { agenda.add(happening, at: now + wait) }

    func feed(_ number: Int, _ event: SwarmEvent) {
        guard !nodes[number].isDead, !nodes[number].isFrozen else { return }
        nodes[number].swarm.handle(event, now: now)
        var effects: [SwarmEffect] = []
        while let effect = nodes[number].swarm.nextEffect() { effects.append(effect) }
        for effect in effects {
            note(effect, of: number)
            carryOut(effect, for: number)
        }
    }

    private func note(_ effect: SwarmEffect, of number: Int) {
        guard var hash = trace else { return }
        for byte in "\(now.nanoseconds) \(number) \(effect)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        trace = hash
    }

    private func control(_ message: Message, from number: Int, to node: NodeID) {
        let other = Self.number(node)
        guard let connection = connections[Pair(number, other)] else { return }
        later(delay, .event(other, .received(message, from: Self.id(number)), connection: connection))
    }

    private func carryOut(_ effect: SwarmEffect, for number: Int) {
        switch effect {
        case .send(let message, let node): control(message, from: number, to: node)
        case .request(let ticket, _):
            let reference = ChunkReference(version: ticket.version, chunk: ticket.chunk)
            control(.request(Request(request: ticket.request, chunk: reference)), from: number, to: ticket.source)
        case .dropBuffer: break
        case .verify(let ticket):
            let isGood = !nodes[Self.number(ticket.source)].isLiar
            later(
                .microseconds(300),
                .event(number, isGood ? .chunkVerified(ticket) : .chunkRejected(ticket), connection: nil))
        case .startUpload(let id, _, let chunk):
            nodes[number].uploads.append(Upload(id: id, chunk: chunk, byteCount: Int(chunkByteCounts[chunk.int])))
            sendNextFrame(from: number)
        case .stopUpload(let id): nodes[number].uploads.removeAll { $0.id == id }
        case .completed: nodes[number].completedAt = now
        case .recheck(let version, let chunk):
            later(.milliseconds(1), .event(number, .chunkRechecked(version, chunk, .intact), connection: nil))
        case .probe(let node): probe(node, from: number)
        case .dial(let target): dial(target, from: number)
        case .disconnect(let node, let reason): disconnect(node, from: number, reason)
        case .wakeAt(let moment):
            nodes[number].wakeGeneration += 1
            agenda.add(.wake(number, generation: nodes[number].wakeGeneration), at: max(moment, now))
        case .note(let note): nodes[number].notes.append(note)
        }
    }

    private func probe(_ node: NodeID, from number: Int) {
        let other = Self.number(node)
        guard !nodes[other].isFrozen, !nodes[other].isDead, let connection = connections[Pair(number, other)] else {
            return
        }
        later(delay * 2, .event(number, .roundTripMeasured(node, delay * 2), connection: connection))
    }

    private func disconnect(_ node: NodeID, from number: Int, _ reason: GoodbyeCode) {
        let other = Self.number(node)
        nodes[number].disconnects.append(reason)
        nodes[number].uploads.removeAll { $0.id.neighbour == node }
        guard connections.removeValue(forKey: Pair(number, other)) != nil else { return }
        later(delay, .event(other, .neighbourLost(Self.id(number)), connection: nil))
        nodes[other].uploads.removeAll { $0.id.neighbour == Self.id(number) }
    }

    private func dial(_ target: DialTarget, from number: Int) {
        let other: Int
        switch target {
        case .peer(let place): other = nodes[number].configuredPeers[place]
        case .node(let node, _): other = Self.number(node)
        }
        nodes[number].dialled.append(other)
        later(delay * 3, .action { self.finishDial(target, from: number, to: other) })
    }

    private func finishDial(_ target: DialTarget, from number: Int, to other: Int) {
        if other == number { return feed(number, .dialFailed(target, .itself)) }
        if nodes[other].isDead { return feed(number, .dialFailed(target, .unreachable)) }
        if connections[Pair(number, other)] != nil {
            return feed(number, .dialFailed(target, .duplicate(Self.id(other))))
        }
        switch nodes[other].swarm.admission(of: Self.id(number), now: now) {
        case .welcome: connect(number, other, dialledBy: target)
        case .full: turnAway(number, at: other, target)
        case .setAside, .denied: feed(number, .dialFailed(target, .unreachable))
        }
    }

    /// HELLO, PEERS, GOODBYE `busy`.
    private func turnAway(_ number: Int, at other: Int, _ target: DialTarget) {
        guard let address = IPAddress([127, 0, 0, 1]) else { return }
        let entries = nodes[other].swarm.addressesToShare(with: Self.id(number), at: address, now: now)
        let introduction = Introduction(
            node: Self.id(other), listeningPort: UInt16(7000 + other), remoteAddress: address, dialled: target)
        feed(number, .neighbourConnected(introduction))
        feed(number, .received(.peers(Peers(fitting: entries)), from: Self.id(other)))
        feed(number, .neighbourFull(Self.id(other)))
        nodes[number].refusals.append(now)
    }

    /// Nodes that can be reached over connections, each counted once, beginning at the first.
    var reachableCount: Int {
        var met: Set<Int> = [0]
        var front = [0]
        while let number = front.popLast() {
            for pair in connections.keys where pair.low == number || pair.high == number {
                let other = pair.low == number ? pair.high : pair.low
                if met.insert(other).inserted { front.append(other) }
            }
        }
        return met.count
    }

    func degree(of number: Int) -> Int { connections.keys.count { $0.low == number || $0.high == number } }

    /// One frame of the first upload that may send; the uploads take turns.
    private func sendNextFrame(from number: Int) {
        guard !nodes[number].isUplinkBusy, !nodes[number].isFrozen, !nodes[number].isDead else { return }
        for place in nodes[number].uploads.indices {
            var upload = nodes[number].uploads[place]
            let other = Self.number(upload.id.neighbour)
            guard let connection = connections[Pair(number, other)] else { continue }
            let flow = Flow(from: number, to: other, connection: connection)
            guard inFlight[flow, default: 0] < windowByteCount else { continue }
            let count = min(frameByteCount, upload.byteCount - upload.sent)
            let span = DataSpan(
                neighbour: Self.id(number), request: upload.id.request, offset: upload.sent, byteCount: count)
            upload.sent += count
            nodes[number].uploads.remove(at: place)
            if upload.sent < upload.byteCount { nodes[number].uploads.append(upload) }
            transmit(span, flow)
            let isWhole = upload.sent == upload.byteCount
            feed(number, isWhole ? .uploadFinished(upload.id) : .uploadProgressed(upload.id, byteCount: count))
            return
        }
    }

    private func transmit(_ span: DataSpan, _ flow: Flow) {
        let (number, other) = (flow.from, flow.to)
        nodes[number].isUplinkBusy = true
        nodes[number].sentByteCount += span.byteCount
        inFlight[flow, default: 0] += span.byteCount
        let upTime = Duration.nanoseconds(Int64(Double(span.byteCount) / nodes[number].upRate * 1e9))
        let downTime = Duration.nanoseconds(Int64(Double(span.byteCount) / nodes[other].downRate * 1e9))
        agenda.add(.uplinkFree(number), at: now + upTime)
        // Cut through: the downlink takes the frame while the uplink sends it, and is then busy for its own time.
        let arrival = max(now + upTime + delay, nodes[other].downlinkFreeAt + downTime)
        nodes[other].downlinkFreeAt = arrival
        agenda.add(.delivered(from: number, to: other, connection: flow.connection, span), at: arrival)
    }
}

/// What will happen, soonest first; of two at one moment the one that was added first.
struct Agenda<Entry> {
    private var heap: [(at: Instant, order: Int, entry: Entry)] = []
    private var count = 0

    mutating func add(_ entry: Entry, at moment: Instant) {
        count += 1
        heap.append((moment, count, entry))
        var child = heap.count - 1
        while child > 0, precedes(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next(before end: Instant) -> (Instant, Entry)? {
        guard let first = heap.first, first.at <= end else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return (first.at, first.entry)
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }

    private func precedes(_ a: Int, _ b: Int) -> Bool { (heap[a].at, heap[a].order) < (heap[b].at, heap[b].order) }
}
