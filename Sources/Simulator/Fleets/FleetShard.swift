import Fleet
import Units
import Wire

/// A part of the nodes of a `FleetSimulation`, which one thread works on.
final class FleetShard {
    /// What happens to a node.
    enum Happening {
        case start
        case meet(NodeID)
        case told(FleetEvent)
        case wake
        case change
    }

    /// Something for a node of another shard.
    struct Posted {
        let node: Int32
        let time: Nanoseconds
        let order: UInt64
        let happening: Happening
    }

    let setting: FleetSetting
    let range: Range<Int>
    private(set) var nodes: [FleetSimulatedNode]
    private var agenda = Agenda<(Int32, Happening)>()
    private var answers: [FleetEvent] = []
    var outgoing: [Posted] = []
    var incoming: [Posted] = []
    private(set) var eventCount = 0
    /// Nodes that know of all others.
    private(set) var completeCount = 0
    /// For each watched change: how many nodes of this shard know of it, and when the last of them heard of it.
    private(set) var known: [Int]
    private(set) var knownAt: [Nanoseconds]
    private var now: Nanoseconds = 0
    /// Whether links are accounted for as those of a settled cluster.
    var isSettled = false

    init(_ setting: FleetSetting, range: Range<Int>) {
        self.setting = setting
        self.range = range
        nodes = range.map { FleetSimulatedNode(setting, $0) }
        known = Array(repeating: 0, count: setting.changes.count)
        knownAt = known.map { _ in 0 }
        guard !setting.scenario.isSettled else { return }
        for index in range { add(.start, to: Int32(index), from: Int32(index), at: setting.starts[index]) }
    }

    /// Each node's first record, which it signed at some time before the simulation begins.
    func firstRows() -> [(NodeID, FleetRow)] {
        nodes.indices.map { place in
            let (node, signedAt) = (nodes[place], setting.firstReports[nodes[place].index])
            let status = nodes[place].report(at: signedAt, setting)
            return (node.id, FleetRow(status: status, heardAt: Instant(nanoseconds: signedAt)))
        }
    }

    /// The nodes begin where everybody knows of everybody.
    func settle(knowing rows: [NodeID: FleetRow]) {
        for place in nodes.indices {
            nodes[place].settle(knowing: rows)
            planWake(place, at: 0)
        }
        completeCount = nodes.count
    }

    var nextTime: Nanoseconds { min(agenda.nextTime ?? .never, incoming.map(\.time).min() ?? .never) }

    /// Plans the changes, which begin when the cluster has settled.
    func planChanges(from origin: Nanoseconds) {
        for change in setting.changes where range.contains(change.node) {
            let node = Int32(change.node)
            add(.change, to: node, from: node, at: origin + change.after)
        }
    }

    func run(until end: Nanoseconds) {
        for posted in incoming { agenda.add((posted.node, posted.happening), at: posted.time, order: posted.order) }
        incoming.removeAll(keepingCapacity: true)
        while let time = agenda.nextTime, time < end, let (_, _, entry) = agenda.next() {
            now = time
            happen(entry.1, to: Int(entry.0) - range.lowerBound)
        }
    }

    private func add(_ happening: Happening, to node: Int32, from origin: Int32, at time: Nanoseconds) {
        let place = Int(origin) - range.lowerBound
        nodes[place].count += 1
        let order = UInt64(origin) << 40 | nodes[place].count
        if range.contains(Int(node)) {
            agenda.add((node, happening), at: time, order: order)
        } else {
            outgoing.append(Posted(node: node, time: time, order: order, happening: happening))
        }
    }

    // MARK: Happenings

    private func happen(_ happening: Happening, to place: Int) {
        switch happening {
        case .start: start(place)
        case .meet(let neighbour): handle(.joined(neighbour), at: place)
        case .told(let event): handle(event, at: place)
        case .change:
            nodes[place].hasChanged = true
            handle(.changed, at: place)
        case .wake: wake(place)
        }
    }

    /// The later of two neighbours to start makes the connection.
    private func start(_ place: Int) {
        handle(.changed, at: place)
        let node = nodes[place]
        for link in node.links {
            let (mine, theirs) = (setting.starts[node.index], setting.starts[Int(link.node)])
            guard (mine, node.index) > (theirs, Int(link.node)) else { continue }
            let at = now + link.delay * 2
            add(.meet(link.id), to: Int32(node.index), from: Int32(node.index), at: at)
            add(.meet(node.id), to: link.node, from: Int32(node.index), at: at)
        }
    }

    /// Fewer wake-ups than are asked for: one that comes too soon waits on.
    private func wake(_ place: Int) {
        // One that an earlier one has taken the place of.
        guard nodes[place].wakePlanned <= now else { return }
        nodes[place].wakePlanned = .never
        guard let wanted = nodes[place].wakeWanted else { return }
        guard wanted <= now else { return planWake(place, at: wanted) }
        nodes[place].wakeWanted = nil
        handle(.woken, at: place)
    }

    private func planWake(_ place: Int, at time: Nanoseconds) {
        nodes[place].wakeWanted = time
        guard nodes[place].wakePlanned > time else { return }
        nodes[place].wakePlanned = time
        let index = Int32(nodes[place].index)
        add(.wake, to: index, from: index, at: max(now, time))
    }

    // MARK: The core

    /// What is answered at once waits until all effects of the event before are carried out, as in the agent.
    private func handle(_ event: FleetEvent, at place: Int) {
        answers.append(event)
        var next = 0
        while next < answers.count {
            eventCount += 1
            let effects = nodes[place].core.handle(answers[next], now: Instant(nanoseconds: now))
            next += 1
            for effect in effects { carryOut(effect, at: place) }
        }
        answers.removeAll(keepingCapacity: true)
    }

    private func carryOut(_ effect: FleetEffect, at place: Int) {
        switch effect {
        case .send(let message, let node): send(message, to: node, from: place)
        case .check(let node, let stamp, _, _): check(node, stamp, at: place)
        case .blame(let node, let why): preconditionFailure("\(node) is blamed: \(why)")
        case .report: answers.append(.reported(nodes[place].report(at: now, setting)))
        case .outrun(let stamp): preconditionFailure("a record \(stamp) that was never signed")
        case .updated(let node): note(node, at: place)
        case .wakeAt(let moment): planWake(place, at: moment.nanoseconds)
        }
    }

    /// Signatures are taken as right: what was sent is what was signed.
    private func check(_ node: NodeID, _ stamp: StatusStamp, at place: Int) {
        guard let number = setting.numbers[node], let status = setting.desk(of: number).status(of: stamp) else {
            preconditionFailure("a record of \(node) that it never signed: \(stamp)")
        }
        answers.append(.checked(node, stamp, .genuine(status, age: .zero)))
    }

    private func send(_ message: Message, to neighbour: NodeID, from place: Int) {
        guard let slot = nodes[place].links.firstIndex(where: { $0.id == neighbour }) else {
            preconditionFailure("a frame to \(neighbour), which is no neighbour")
        }
        let (id, index, byteCount) = (nodes[place].id, Int32(nodes[place].index), message.statusByteCount)
        let link = nodes[place].links[slot]
        let mixed = nodes[place].digest ^ UInt64(byteCount) ^ UInt64(bitPattern: now)
        nodes[place].digest = mixed &* 0x0000_0100_0000_01B3
        if isSettled {
            nodes[place].settledLoads[slot].add(byteCount, at: now)
        } else {
            nodes[place].startLoads[slot].add(byteCount, at: now)
        }
        let event: FleetEvent
        switch message {
        case .statusNews(let news):
            precondition(zip(news, news.dropFirst()).allSatisfy { $0.node < $1.node }, "a frame that nobody can read")
            event = .news(news, from: id)
        case .statusQuery(let questions): event = .query(questions, from: id)
        case .status(let frame): event = .status(frame, from: id)
        default: preconditionFailure("\(message.type) is not about status")
        }
        add(.told(event), to: link.node, from: index, at: now + link.delay)
    }

    private func note(_ subject: NodeID, at place: Int) {
        if !nodes[place].isComplete, nodes[place].core.rows.count == setting.scenario.nodeCount {
            nodes[place].isComplete = true
            completeCount += 1
        }
        // The rate field of a record names the change that it tells of.
        guard isSettled, let record = nodes[place].core.rows[subject]?.status.record, record.sentPerSecond > 0 else {
            return
        }
        let change = Int(record.sentPerSecond) - 1
        known[change] += 1
        knownAt[change] = max(knownAt[change], now)
    }

    /// The age of the oldest row.
    func oldestRow() -> Duration {
        var oldest = Duration.zero
        for node in nodes {
            for (subject, row) in node.core.rows where subject != node.id {
                oldest = max(oldest, Instant(nanoseconds: now) - row.heardAt)
            }
        }
        return oldest
    }
}
