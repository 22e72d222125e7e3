import Units
import Wire

@testable import Fleet

/// Fleet cores that talk to each other over links of 5 ms. Every record is genuine unless a test says otherwise.
struct FleetNet {
    static let delay = Duration.milliseconds(5)
    static let cluster = ClusterID(exactly: Array(repeating: 7, count: 16))

    struct Sent: Hashable {
        let from: Int
        let to: Int
        let type: FrameType
        let byteCount: Int
    }

    private struct Due {
        let at: Instant
        let number: Int
        let node: Int
        let event: FleetEvent
    }

    var now = Instant.zero
    var cores: [Fleet]
    var boots: [UInt64]
    var sequences: [UInt32]
    var sent: [Sent] = []
    var blamed: [(node: Int, by: Int)] = []
    /// What a check says of a record; nil for genuine.
    var verdict: (StatusRecord, [UInt8]) -> StatusVerdict? = { _, _ in nil }
    /// What each node says of its channels.
    var channels: [[ChannelReport]]
    private var due: [Due] = []
    private var wakes: [Instant?]
    private var links: Set<[Int]> = []
    private var count = 0

    init(_ nodeCount: Int) {
        cores = (0..<nodeCount).map { Fleet(node: Self.node($0)) }
        boots = Array(repeating: 1, count: nodeCount)
        sequences = Array(repeating: 0, count: nodeCount)
        channels = Array(repeating: [], count: nodeCount)
        wakes = Array(repeating: nil, count: nodeCount)
        for place in cores.indices { handle(.changed, at: place) }
    }

    static func node(_ number: Int) -> NodeID {
        NodeID(exactly: Array(repeating: 0, count: 14) + [UInt8(number >> 8), UInt8(number & 0xFF)])
    }

    static func place(_ node: NodeID) -> Int { Int(node.bytes[14]) << 8 | Int(node.bytes[15]) }

    mutating func connect(_ left: Int, _ right: Int) {
        links.insert([min(left, right), max(left, right)])
        handle(.joined(Self.node(right)), at: left)
        handle(.joined(Self.node(left)), at: right)
    }

    mutating func disconnect(_ left: Int, _ right: Int) {
        links.remove([min(left, right), max(left, right)])
        handle(.left(Self.node(right)), at: left)
        handle(.left(Self.node(left)), at: right)
    }

    /// Carries everything out until then.
    mutating func run(for duration: Duration) {
        let end = now + duration
        while let next = nextTime, next <= end {
            now = max(now, next)
            if let place = wakes.firstIndex(where: { $0.map { $0 <= now } ?? false }) {
                wakes[place] = nil
                handle(.woken, at: place)
                continue
            }
            guard let first = due.indices.min(by: { (due[$0].at, due[$0].number) < (due[$1].at, due[$1].number) })
            else {
                continue
            }
            let happening = due.remove(at: first)
            handle(happening.event, at: happening.node)
        }
        now = end
    }

    private var nextTime: Instant? { (due.map(\.at) + wakes.compactMap(\.self)).min() }

    mutating func handle(_ event: FleetEvent, at place: Int) {
        for effect in cores[place].handle(event, now: now) { carryOut(effect, at: place) }
    }

    private mutating func carryOut(_ effect: FleetEffect, at place: Int) {
        switch effect {
        case .send(let message, let node): send(message, to: Self.place(node), from: place)
        case .check(let node, let stamp, let signed, let certificate):
            schedule(.checked(node, stamp, check(signed, certificate)), at: place, after: .milliseconds(1))
        case .blame(let node, _): blamed.append((Self.place(node), place))
        case .report:
            sequences[place] += 1
            schedule(.reported(record(of: place)), at: place, after: .zero)
        case .outrun(let stamp):
            (boots[place], sequences[place]) = (stamp.boot + 1, 1)
            schedule(.reported(record(of: place)), at: place, after: .zero)
        case .updated: break
        case .wakeAt(let moment): wakes[place] = moment
        }
    }

    private mutating func send(_ message: Message, to receiver: Int, from sender: Int) {
        guard links.contains([min(sender, receiver), max(sender, receiver)]) else { return }
        sent.append(Sent(from: sender, to: receiver, type: message.type, byteCount: message.encode().count))
        let teller = Self.node(sender)
        switch message {
        case .statusNews(let news):
            precondition(zip(news, news.dropFirst()).allSatisfy { $0.node < $1.node }, "a frame that nobody can read")
            schedule(.news(news, from: teller), at: receiver, after: Self.delay)
        case .statusQuery(let query): schedule(.query(query, from: teller), at: receiver, after: Self.delay)
        case .status(let frame): schedule(.status(frame, from: teller), at: receiver, after: Self.delay)
        default: preconditionFailure("\(message.type) is not about status")
        }
    }

    private mutating func schedule(_ event: FleetEvent, at place: Int, after pause: Duration) {
        count += 1
        due.append(Due(at: now + pause, number: count, node: place, event: event))
    }

    /// The node has something new to say.
    mutating func change(_ place: Int) {
        guard let model = ModelName("fish") else { preconditionFailure("fish is a name") }
        let channel = ModelChannel(model: model, channel: .stable)
        channels[place] = [ChannelReport(channel: channel, state: .failed, reason: "\(sequences[place] + 1)")]
        handle(.changed, at: place)
    }

    func record(of place: Int) -> HeldStatus {
        guard let name = NodeName("node-\(place)") else { preconditionFailure("node-\(place) is a name") }
        let record = StatusRecord(
            cluster: Self.cluster, node: Self.node(place),
            stamp: StatusStamp(boot: boots[place], sequence: sequences[place]),
            issued: WallTime(secondsSince1970: 1_000), name: name, channels: channels[place])
        let signed = SignedStatus(body: record.encode(), signature: Array(repeating: 1, count: 70))
        return HeldStatus(record: record, signed: signed.encode(), certificate: [UInt8(place & 0xFF), 1])
    }

    private func check(_ signed: [UInt8], _ certificate: [UInt8]) -> StatusVerdict {
        guard let status = try? SignedStatus(signed), let record = try? StatusRecord(body: status.body) else {
            return .refused(blames: true)
        }
        if let verdict = verdict(record, certificate) { return verdict }
        return .genuine(HeldStatus(record: record, signed: signed, certificate: certificate), age: .zero)
    }

    /// What node `place` knows of the others: sequence by node.
    func known(at place: Int) -> [Int: UInt32] {
        Dictionary(uniqueKeysWithValues: cores[place].rows.map { (Self.place($0.key), $0.value.stamp.sequence) })
    }
}
