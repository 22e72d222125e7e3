import Fleet
import Manifest
import Rollout
import Units

/// Runs a `RolloutScenario`: agents with their processes, disks and connections, controllers and an operator; first
/// with faults, then without, until all is as the newest head wants it. Equal scenarios give equal traces.
public final class RolloutSimulation {
    /// A connection between two nodes, or the want of one.
    struct Edge {
        let nodes: [Int]
        let delay: Nanoseconds
        /// Rises with each connection, and when one breaks: what is under way then does not arrive.
        var generation = 0
        /// The connection that each end takes for open.
        var open: [Int?] = [nil, nil]
        /// When the last frame arrives, by receiving end.
        var arrivals: [Nanoseconds] = [0, 0]
        var isDialling = false
    }

    /// Somebody who runs `shoal rollout run` on a node.
    struct ControllerRun {
        let node: Int
        var controller = RolloutController()
        var isAlive = true
    }

    let scenario: RolloutScenario
    var random: SplitMix64
    var now: Nanoseconds = 0
    var agents: [RolloutAgent] = []
    var edges: [Edge] = []
    let numbers: [NodeID: Int]
    var controllers: [ControllerRun] = []
    /// Who cannot reach whom at present: the nodes whose bit is set, and the others.
    var partition: UInt64?
    var dividedAt: Nanoseconds = 0
    /// Versions by digest: their number, from 1.
    let versionNumbers: [Digest: Int]
    let versions: [RolloutVersion]
    /// For each version, on which nodes it is flawed.
    var flawed: [[Bool]]
    var isCalm = false
    var healthyAt: Nanoseconds?
    var violations: [RolloutViolation] = []
    /// The rings that the operator gave each version, by its number, and the most that a controller let go.
    var plans: [Int: RolloutPlan] = [:]
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    var eventCount = 0
    var desk = RecordDesk()
    /// For each version and node: when it began to serve there first.
    var servedAt: [[Nanoseconds?]]
    /// When a version that is flawed on a node was set aside there first, and the last switch after that.
    var firstFailureAt: Nanoseconds?
    var lastSwitchAt: Nanoseconds?
    /// Of a version that is good, nodes that set it aside since somebody killed its process or its agent.
    var blamedCount = 0
    /// Gets the trace in words.
    public var log: ((String) -> Void)?
    private var agenda = Agenda<RolloutHappening>(slotWidthBits: 21)
    private var order: UInt64 = 0

    /// A run that has not begun.
    public init(_ scenario: RolloutScenario) {
        self.scenario = scenario
        var random = SplitMix64(seed: scenario.seed &* 0xD134_2543_DE82_EF95 &+ 1)
        let count = scenario.nodeCount
        let ids = (0..<count).map { _ in NodeID.random(&random) }
        numbers = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        let trial = RolloutTrial(
            isCalibrated: true, watch: .seconds(scenario.watchSeconds), errorShareMax: 0.1)
        let salt = Int(truncatingIfNeeded: scenario.seed &* 64)
        versions = (1...scenario.natures.count + 1).map {
            RolloutVersion(digest: Simulated.digest(salt &+ $0), tag: Tag("v\($0)"), trial: trial)
        }
        versionNumbers = Dictionary(uniqueKeysWithValues: versions.enumerated().map { ($1.digest, $0 + 1) })
        flawed = versions.map { _ in Array(repeating: false, count: count) }
        servedAt = versions.map { _ in Array(repeating: nil, count: count) }
        agents = ids.enumerated().map { index, id in
            RolloutAgent(index: index, id: id, processCount: index < scenario.doubleCount ? 2 : 1)
        }
        for (left, right) in RandomGraph.edges(nodeCount: count, degree: scenario.degree, &random) {
            let delay = Nanoseconds(seconds: Double.random(in: scenario.delaySeconds, using: &random))
            agents[left].links.append(.init(edge: edges.count, end: 0, node: right))
            agents[right].links.append(.init(edge: edges.count, end: 1, node: left))
            edges.append(Edge(nodes: [left, right], delay: delay))
        }
        self.random = random
        for number in 2...versions.count { spoil(number, with: nil) }
        prepareDisks()
        planAll()
    }

    /// All but the fresh ones run the first version.
    private func prepareDisks() {
        guard let head = makeHead(version: 1, plan: .none, after: nil) else { return }
        let document = SimulatedDocument(.head(head))
        for agent in agents.dropLast(scenario.freshCount) {
            agent.disk.head = document
            agent.disk.versions = [versions[0].digest]
            agent.disk.current = versions[0].digest
            agent.everServed = [versions[0].digest]
            agent.everProven = [versions[0].digest]
            for place in agent.processes.indices { agent.processes[place].active = versions[0].digest }
        }
    }

    private func planAll() {
        for agent in agents {
            plan(.startAgent(agent.index), after: delay(0...1))
            for process in agent.processes.indices {
                plan(.tick(agent.index, process: process), after: delay(0...5))
            }
        }
        for (seconds, act) in scenario.acts { plan(.act(act), after: Nanoseconds(seconds: seconds)) }
        for (seconds, fault) in scenario.faults { plan(fault, at: seconds) }
        plan(.supervise, after: Nanoseconds(seconds: 3))
        plan(.look, after: Nanoseconds(seconds: scenario.faultSeconds))
    }

    private func plan(_ fault: RolloutScenario.RolloutFaultKind, at seconds: Double) {
        let moment = Nanoseconds(seconds: seconds)
        switch fault {
        case .crashAgent(let node, let seconds): plan(.crashAgent(node, seconds: seconds), after: moment)
        case .crashProcess(let node): plan(.crashProcess(node), after: moment)
        case .partition(let mask, let length):
            plan(.partition(mask), after: moment)
            let end = min(seconds + Double(length), scenario.faultSeconds)
            plan(.heal, after: Nanoseconds(seconds: end))
        case .breakLink(let number): plan(.breakLink(edge: number % edges.count), after: moment)
        case .crashControllers: plan(.crashControllers, after: moment)
        }
    }

    func plan(_ happening: RolloutHappening, after pause: Nanoseconds) {
        order += 1
        agenda.add(happening, at: now + pause, order: order)
    }

    /// Some time between two numbers of seconds.
    func delay(_ seconds: ClosedRange<Double>) -> Nanoseconds {
        Nanoseconds(seconds: Double.random(in: seconds, using: &random))
    }

    /// True so many times in a million.
    func happens(_ perMillion: Int) -> Bool {
        perMillion > 0 && Int(random.next() % 1_000_000) < perMillion
    }

    // MARK: Running

    /// Runs to the end.
    public func run() -> RolloutRunReport {
        let end = Nanoseconds(seconds: scenario.faultSeconds + scenario.patienceSeconds)
        while healthyAt == nil, violations.isEmpty, let time = agenda.nextTime, time <= end,
            let (_, _, happening) = agenda.next()
        {
            now = time
            eventCount += 1
            happen(happening)
        }
        if healthyAt == nil, violations.isEmpty { reportUnhealthy() }
        return report()
    }

    private func happen(_ happening: RolloutHappening) {
        switch happening {
        case .startAgent(let node): start(agents[node])
        case .crashAgent(let node, let seconds): crash(agents[node], seconds: Double(seconds))
        case .dial, .linked, .unlinked, .frame, .breakLink, .partition, .heal: happenOnNetwork(happening)
        case .kept, .fetched, .flip, .fleetWake, .rolloutWake, .compare, .trialsKept, .moved: happenInAgent(happening)
        case .attach(let node, let process, let life): attach(process, of: agents[node], life: life)
        case .answer(let node, let process, let incarnation, let instance, let answer):
            finish(answer, by: process, incarnation, instance, agents[node])
        case .restartProcess(let node, let process): restart(process, of: agents[node])
        case .crashProcess(let node): if !isCalm { die(0, of: agents[node], isFlaw: false) }
        case .tick(let node, let process): tick(process, of: agents[node])
        case .act(let act): carryOut(act)
        case .supervise: supervise()
        case .control(let number): control(number)
        case .crashControllers: crashControllers()
        case .look: look()
        }
    }

    private func happenInAgent(_ happening: RolloutHappening) {
        switch happening {
        case .kept(let node, let life, let document): if let agent = living(node, life) { keep(document, agent) }
        case .fetched(let node, let life, let version):
            if let agent = living(node, life) { finishFetch(version, agent) }
        case .flip(let node, let life): if let agent = living(node, life) { flip(agent) }
        case .fleetWake(let node, let life): if let agent = living(node, life) { wakeFleet(agent) }
        case .rolloutWake(let node, let life): if let agent = living(node, life) { wakeRollout(agent) }
        case .compare(let node, let life): if let agent = living(node, life) { compare(agent) }
        case .trialsKept(let node, let life, let trials): if let agent = living(node, life) { keep(trials, agent) }
        case .moved(let node, let life, let version): if let agent = living(node, life) { finishMove(version, agent) }
        default: preconditionFailure("\(happening) is not an agent's own")
        }
    }

    private func living(_ node: Int, _ life: Int) -> RolloutAgent? {
        let agent = agents[node]
        return agent.isUp && agent.life == life ? agent : nil
    }

    /// What the trace is made of.
    enum Mark: UInt64 {
        case keeps = 1
        case signsHead, signsDeny, starts, crashes, current, processDies, loads, checks, done, setAside, proven, serves
        case wish
    }

    /// Adds to the trace.
    func trace(_ mark: Mark, _ node: Int, _ value: UInt64 = 0) {
        for word in [UInt64(bitPattern: now), mark.rawValue << 32 | UInt64(node), value] {
            digest = (digest ^ word) &* 0x0000_0100_0000_01B3
            digest ^= digest >> 29
        }
        log?("\(now.inSeconds) s  node \(node) \(mark) \(value)")
    }

    func number(of version: Digest?) -> UInt64 { UInt64(version.flatMap { versionNumbers[$0] } ?? 0) }
}
