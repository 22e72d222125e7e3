internal import Crypto
internal import EventLoop
internal import Fleet
internal import Logging
internal import Manifest
internal import Trust
internal import Units
internal import Wire

/// The fleet's state around its core: checks on the pool, frames to the neighbours, this node's own records.
@LoopActor
final class FleetDriver {
    private(set) var core: Fleet
    /// A node's row is new, changed or gone.
    var onUpdate: (@LoopActor (NodeID) -> Void)?
    /// A neighbour broke a rule.
    var onFault: (@LoopActor (NodeID, WireFault) -> Void)?

    private let trust: Trust
    private let switchboard: Switchboard
    private let settings: SettingsFile
    /// Nil once the agent has ended; work that it began may end later.
    private let composer: @LoopActor () -> StatusComposer?
    private let signers = KnownSigners()
    private let jobs: Jobs
    private let log: Logger
    private var inbox: [FleetEvent] = []
    private var isRunning = false
    private var alarm: LoopTimer?
    private var watch: LoopTimer?
    /// Zero until the settings have it: no record is signed before.
    private var boot: UInt64 = 0
    private var sequence: UInt32 = 0
    private var told: StatusContent?
    private var meter = TrafficMeter()

    init(
        trust: Trust, switchboard: Switchboard, settings: SettingsFile, jobs: Jobs, log: Logger,
        composer: @escaping @LoopActor () -> StatusComposer?
    ) {
        core = Fleet(node: trust.identity.node)
        self.trust = trust
        self.switchboard = switchboard
        self.settings = settings
        self.composer = composer
        self.jobs = jobs
        self.log = log
    }

    /// Begins to speak for this node.
    func start() {
        for record in trust.denyList.records {
            if case .node(let node) = record.value.subject { handle(.denied(node, record.value.state == .denied)) }
        }
        raiseBoot(above: 0)
        let watch = LoopTimer { [weak self] in self?.compare() }
        watch.start(after: Limits.statusWatchPause, repeating: Limits.statusWatchPause)
        self.watch = watch
    }

    func close() {
        alarm?.close()
        watch?.close()
        (alarm, watch) = (nil, nil)
    }

    /// Hands an event in, and carries out what follows, before the next event.
    func handle(_ event: FleetEvent) {
        inbox.append(event)
        guard !isRunning else { return }
        isRunning = true
        while !inbox.isEmpty {
            let event = inbox.removeFirst()
            for effect in core.handle(event, now: Clock.now()) { run(effect) }
        }
        isRunning = false
    }

    /// Takes a frame that is about status; false if it is about something else.
    func receive(_ message: Message, from link: NeighbourLink) -> Bool {
        switch message {
        case .statusNews(let news): handle(.news(news, from: link.node))
        case .statusQuery(let questions): handle(.query(questions, from: link.node))
        case .status(let frame): handle(.status(frame, from: link.node))
        default: return false
        }
        return true
    }

    private func run(_ effect: FleetEffect) {
        switch effect {
        case .send(let message, let node): switchboard.links[node]?.send(message)
        case .check(let node, let stamp, let signed, let certificate): check(node, stamp, signed, certificate)
        case .blame(let node, let why): onFault?(node, WireFault(.badDocument, why))
        case .report: report()
        case .outrun(let stamp): raiseBoot(above: stamp.boot)
        case .updated(let node): onUpdate?(node)
        case .wakeAt(let moment):
            let timer = alarm ?? LoopTimer { [weak self] in self?.handle(.woken) }
            alarm = timer
            timer.start(after: max(.zero, moment - Clock.now()))
        }
    }

    private func check(_ node: NodeID, _ stamp: StatusStamp, _ signed: [UInt8], _ certificate: [UInt8]) {
        let check = StatusCheck(
            cluster: trust.root.value.cluster, authorities: trust.authorities, signers: signers,
            now: Clock.wallTime())
        ThreadPool.run({ check.verdict(of: signed, certificate: certificate) }) { [weak self] verdict in
            self?.handle(.checked(node, stamp, verdict))
        }
    }

    // MARK: This node

    /// A start counts above all before it, and above what somebody remembers of this node.
    private func raiseBoot(above other: UInt64) {
        let last = min(max(settings.value.boot ?? 0, other), UInt64(Int64.max))
        let next = max(last + 1, UInt64(max(0, Clock.wallTime().secondsSince1970)))
        jobs.start("boot") { [self] in
            while !Task.isCancelled {
                do {
                    try await settings.change { $0.boot = next }
                    guard !Task.isCancelled else { return }
                    (boot, sequence) = (next, 0)
                    return report()
                } catch {
                    log.error("the number of this start cannot be kept, so this node reports nothing yet: \(error)")
                    try? await Task.sleep(for: .seconds(Limits.keepAgainSeconds))
                }
            }
        }
    }

    /// Whether what this node would say has changed. The progress of fetches is no news: it comes with each heartbeat.
    private func compare() {
        guard boot > 0, let composer = composer(), !composer.content().saysAsMuch(as: told) else { return }
        handle(.changed)
    }

    private func report() {
        guard boot > 0, let composer = composer() else { return }
        sequence += 1
        let content = composer.content()
        told = content
        let record = composer.record(
            content, stamp: StatusStamp(boot: boot, sequence: sequence),
            rates: meter.rates(composer.traffic, now: Clock.now()))
        let body = record.encode()
        let identity = trust.identity
        guard let signature = try? identity.key.sign(StatusCheck.digest(of: body)) else {
            return log.error("a status record could not be signed")
        }
        let signed = SignedStatus(body: body, signature: signature).encode()
        handle(.reported(HeldStatus(record: record, signed: signed, certificate: identity.certificate.der)))
    }
}
