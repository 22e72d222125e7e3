import Swarm
import Units
import Wire

/// One core, its clock, and shorthand for the things that happen to it.
struct CoreUnderTest {
    static let version = Digest(exactly: Array(repeating: 7, count: 32))
    static let strange = Digest(exactly: Array(repeating: 8, count: 32))
    static let chunkByteCount = 64 << 10

    var swarm: Swarm
    var now = Instant.zero
    /// What the last event led to.
    var effects: [SwarmEffect] = []
    /// The moment that the core last asked for.
    var wake: Instant?

    init(limits: SwarmLimits = CoreUnderTest.limits, labels: [String: String] = [:], seed: UInt64 = 1) {
        swarm = Swarm(node: Self.node(0), labels: labels, limits: limits, seed: seed)
    }

    /// The usual ones, with few enough requests and offers to count them.
    static var limits: SwarmLimits {
        var limits = SwarmLimits()
        limits.requestCount = 8
        limits.requestCountMax = 8
        limits.requestByteCountMin = 64 << 10
        limits.offerCount = 8
        return limits
    }

    static func node(_ number: UInt8) -> NodeID { NodeID(exactly: Array(repeating: 0, count: 15) + [number]) }

    static func address(_ bytes: UInt8...) -> IPAddress {
        guard let address = IPAddress(bytes) else { preconditionFailure("\(bytes) is no address") }
        return address
    }

    static func plan(
        _ count: Int, held: [ChunkIndex] = [], version: Digest = version, byteCount: Int = chunkByteCount,
        seeding: VersionPlan.Seeding = .ordinary
    ) -> VersionPlan {
        guard let model = ModelName("test") else { preconditionFailure("test is a name") }
        var set = ChunkSet(capacity: count)
        for chunk in held { set.insert(chunk) }
        return VersionPlan(
            version: version, model: model, chunkByteCounts: Array(repeating: UInt32(byteCount), count: count),
            held: set,
            needed: .full(capacity: count), seeding: seeding)
    }

    static func all(_ count: Int) -> [ChunkIndex] { (0..<UInt32(count)).map { ChunkIndex($0) } }

    @discardableResult
    mutating func feed(_ event: SwarmEvent) -> [SwarmEffect] {
        swarm.handle(event, now: now)
        effects = []
        while let effect = swarm.nextEffect() {
            if case .wakeAt(let moment) = effect { wake = moment } else { effects.append(effect) }
        }
        swarm.checkInvariants()
        return effects
    }

    /// Lets the time pass, waking the core whenever it asked for it. All effects on the way.
    @discardableResult
    mutating func pass(_ duration: Duration) -> [SwarmEffect] {
        let end = now + duration
        var all: [SwarmEffect] = []
        while let moment = wake, moment <= end {
            precondition(moment >= now, "a wake-up in the past")
            now = moment
            wake = nil
            all += feed(.timePassed)
        }
        now = end
        effects = all
        return all
    }

    /// Long enough that announcements do not wait any more.
    mutating func passAnnouncementDelay() -> [SwarmEffect] {
        pass(SwarmLimits().announcementDelay + .milliseconds(1))
    }

    // MARK: Neighbours

    @discardableResult
    mutating func connect(_ number: UInt8, dialled: DialTarget? = nil, labels: [String: String] = [:]) -> [SwarmEffect]
    {
        feed(
            .neighbourConnected(
                Introduction(
                    node: Self.node(number), labels: labels, listeningPort: 7000 + UInt16(number),
                    remoteAddress: Self.address(10, 0, 0, number), dialled: dialled)))
    }

    @discardableResult
    mutating func receive(_ message: Message, from number: UInt8) -> [SwarmEffect] {
        feed(.received(message, from: Self.node(number)))
    }

    @discardableResult
    mutating func holdings(
        from number: UInt8, count: Int, held: [ChunkIndex] = [], flags: Holdings.Flags = [], version: Digest = version
    ) -> [SwarmEffect] {
        var set = ChunkSet(capacity: count)
        for chunk in held { set.insert(chunk) }
        let bitmap = held.isEmpty ? [] : set.bitmap
        return receive(
            .holdings(Holdings(version: version, flags: flags, chunkCount: UInt32(count), bitmap: bitmap)), from: number
        )
    }

    @discardableResult
    mutating func have(_ chunks: [ChunkIndex], from number: UInt8, version: Digest = version) -> [SwarmEffect] {
        receive(.have(ChunkList(version: version, chunks: chunks)), from: number)
    }

    @discardableResult
    mutating func ask(_ request: RequestID, _ chunk: ChunkIndex, from number: UInt8, version: Digest = version)
        -> [SwarmEffect]
    {
        let reference = ChunkReference(version: version, chunk: chunk)
        return receive(.request(Request(request: request, chunk: reference)), from: number)
    }

    // MARK: Chunks

    /// All bytes of the chunk come at once.
    @discardableResult
    mutating func deliver(_ ticket: ChunkTicket, byteCount: Int = chunkByteCount) -> [SwarmEffect] {
        feed(
            .dataReceived(DataSpan(neighbour: ticket.source, request: ticket.request, offset: 0, byteCount: byteCount)))
    }

    @discardableResult
    mutating func fetch(_ ticket: ChunkTicket) -> [SwarmEffect] {
        deliver(ticket) + feed(.chunkVerified(ticket))
    }
}

extension [SwarmEffect] {
    var requests: [ChunkTicket] { compactMap { if case .request(let ticket, _) = $0 { ticket } else { nil } } }
    var sent: [Message] { compactMap { if case .send(let message, _) = $0 { message } else { nil } } }
    var offers: [(chunk: ChunkIndex, node: NodeID)] {
        compactMap { if case .send(.offer(let reference), let node) = $0 { (reference.chunk, node) } else { nil } }
    }
    var uploads: [UploadID] { compactMap { if case .startUpload(let id, _, _) = $0 { id } else { nil } } }
    var dials: [DialTarget] { compactMap { if case .dial(let target) = $0 { target } else { nil } } }
    var disconnects: [GoodbyeCode] { compactMap { if case .disconnect(_, let code) = $0 { code } else { nil } } }

    func sent(to number: UInt8) -> [Message] {
        compactMap { if case .send(let message, CoreUnderTest.node(number)) = $0 { message } else { nil } }
    }
}
