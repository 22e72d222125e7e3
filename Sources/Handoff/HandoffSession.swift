import EventLoop
import Units

/// What the agent asks of a process.
enum HandoffCommand: Sendable {
    case load(HandoffLoad)
    case calibrate(HandoffCalibration)
    case activate(Digest, tag: Tag?, expecting: Digest?, deadline: Duration)
    case release(Digest)
    case ping
}

/// One connection.
///
/// greeting (`hello` is nil) → attached → ended. One timer serves all deadlines: that of the hello, of the lease and of
/// each outstanding request.
@LoopActor final class HandoffSession {
    let instance: HandoffInstance
    let credentials: PeerCredentials
    private(set) var hello: HandoffHello?
    private(set) var report = HandoffReport()
    private let channel: LineChannel
    private weak var server: HandoffServer?
    private let lease: Duration
    private let helloDeadline: Instant
    private var lastHeard: Instant
    private var outstanding: [Int: (command: HandoffCommand, deadline: Instant)] = [:]
    private var lastID = 0
    private var timer: LoopTimer?
    private var hasEnded = false
    /// Whether the process said goodbye, or came anew over another connection.
    private(set) var isEndInOrder = false
    /// What ended the session within a command; told on the next turn of the loop.
    private var lateFailure: HandoffFailure?

    init(_ instance: HandoffInstance, _ stream: ByteStream, _ credentials: PeerCredentials, server: HandoffServer) {
        self.instance = instance
        self.credentials = credentials
        self.server = server
        lease = server.settings.lease
        lastHeard = Clock.now()
        helloDeadline = lastHeard + server.settings.helloDeadline
        channel = LineChannel(
            stream, lineByteCountMax: Limits.handoffLineByteCountMax - 1,
            queuedByteCountMax: Limits.handoffQueuedByteCountMax)
    }

    func start() {
        timer = LoopTimer { [weak self] in self?.timerFired() }
        arm()
        channel.start(
            onLine: { [weak self] line in self?.take(line) }, onEnd: { [weak self] end in self?.channelDidEnd(end) })
    }

    // MARK: Ending

    /// Ends the session and tells the server.
    func end(saying failure: HandoffFailure) {
        guard !hasEnded else { return }
        if failure.code == .replaced { isEndInOrder = true }
        close(saying: failure)
        server?.sessionDidEnd(self, failure)
    }

    /// Ends the session; nobody is told but the process.
    func close(saying failure: HandoffFailure) {
        guard !hasEnded else { return }
        hasEnded = true
        timer?.close()
        outstanding = [:]
        channel.send(HandoffOutgoing.error(failure).line)
        channel.flushThenClose()
    }

    private func channelDidEnd(_ reason: LineChannelEnd) {
        switch reason {
        case .closed: end(saying: HandoffFailure(.internal, "the process closed the connection"))
        case .lineTooLong:
            let words = "a line of more than \(Limits.handoffLineByteCountMax) bytes"
            end(saying: HandoffFailure(.badMessage, words))
        case .failed(let error): end(saying: HandoffFailure(.internal, "the connection broke: \(error)"))
        case .backlog: end(saying: HandoffFailure(.internal, "the process does not read what it is sent"))
        }
    }

    // MARK: Asking

    /// Sends a request. Never calls back from within.
    func ask(_ command: HandoffCommand, within deadline: Duration) {
        guard !hasEnded, lateFailure == nil, hello != nil else { return }
        guard outstanding.count < Limits.handoffOutstandingCountMax else {
            lateFailure = HandoffFailure(.internal, "the process leaves \(outstanding.count) requests without a reply")
            return arm()
        }
        lastID += 1
        outstanding[lastID] = (command, Clock.now() + deadline)
        channel.send(HandoffOutgoing.request(id: lastID, command).line)
        arm()
    }

    // MARK: Time

    private func arm() {
        let lapse = hello == nil ? helloDeadline : lastHeard + lease
        let next = outstanding.values.map(\.deadline).reduce(lapse, min)
        let wait = lateFailure == nil ? max(.zero, next - Clock.now()) : .zero
        timer?.start(after: wait)
    }

    private func timerFired() {
        let now = Clock.now()
        if let lateFailure { return end(saying: lateFailure) }
        if hello == nil, now >= helloDeadline {
            return end(saying: HandoffFailure(.helloTimeout, "no hello within the time for it"))
        }
        if hello != nil, now >= lastHeard + lease {
            return end(saying: HandoffFailure(.leaseExpired, "not a word for \(lease.inSeconds) s"))
        }
        for (id, request) in outstanding.sorted(by: { $0.key < $1.key }) where request.deadline <= now {
            guard outstanding.removeValue(forKey: id) != nil else { continue }
            lapsed(request.command)
            guard !hasEnded else { return }
        }
        arm()
    }

    private func lapsed(_ command: HandoffCommand) {
        let failure = HandoffFailure(.deadlineExceeded, "no answer in time")
        switch command {
        case .load(let load):
            // Whatever comes of the load is not wanted any more.
            ask(.release(load.digest), within: .seconds(Limits.handoffReplySeconds))
            server?.tell(.loadFailed(instance, load.digest, failure))
        case .calibrate(let calibration): server?.tell(.calibrationFailed(instance, calibration.digest, failure))
        case .activate(let digest, _, _, _): server?.tell(.activateFailed(instance, digest, failure))
        case .release, .ping: break
        }
    }

    // MARK: Hearing

    private func take(_ line: [UInt8]) {
        lastHeard = Clock.now()
        switch HandoffIncoming(line: line) {
        case .hello(let message): hello == nil ? greet(message) : brokenProtocol("a second hello")
        case .unknown(_, id: nil) where hello == nil, .reply where hello == nil, .progress where hello == nil,
            .drained where hello == nil, .released where hello == nil, .health where hello == nil,
            .goodbye where hello == nil:
            brokenProtocol("the first line must be a hello")
        case .reply(let reply): answered(reply)
        case .progress(let re, let fraction): progressed(re, fraction)
        case .drained(let digest): server?.tell(.drained(instance, digest))
        case .released(let digest): server?.tell(.released(instance, digest))
        case .health(let report): absorb(report)
        case .goodbye:
            isEndInOrder = true
            end(saying: HandoffFailure(.shuttingDown, "the process said goodbye"))
        case .error: break
        case .unknown(let type, let id): answerUnknown(type, id: id)
        case .broken(let reason): brokenProtocol(reason)
        }
    }

    private func brokenProtocol(_ reason: String) { end(saying: HandoffFailure(.badMessage, reason)) }

    private func answerUnknown(_ type: String, id: Int?) {
        let failure = HandoffFailure(.unsupported, "this agent knows no message \(type)")
        channel.send((id.map { .refusal(re: $0, failure) } ?? HandoffOutgoing.error(failure)).line)
    }

    private func greet(_ message: HelloMessage) {
        switch message.checked(credentials) {
        case .failure(let failure): end(saying: failure)
        case .success(let hello):
            guard let server else { return }
            if let refusal = server.admit(self, hello) { return end(saying: refusal) }
            self.hello = hello
            report.active = hello.active
            let welcome = HandoffOutgoing.welcome(
                agent: server.settings.software, instance: hello.name, leaseMilliseconds: lease.wholeMilliseconds)
            channel.send(welcome.line)
            arm()
            server.tell(.attached(instance, hello))
        }
    }

    private func absorb(_ report: HandoffReport) {
        self.report = report
        server?.tell(.reported(instance, report))
    }

    private func progressed(_ re: Int, _ fraction: Double) {
        guard case .load(let load)? = outstanding[re]?.command, (0...1).contains(fraction) else { return }
        server?.tell(.progressed(instance, load.digest, fraction: fraction))
    }

    private func answered(_ reply: ReplyMessage) {
        guard let request = outstanding.removeValue(forKey: reply.re) else { return }
        switch (request.command, reply.body.failure) {
        case (.load(let load), nil): server?.tell(.loaded(instance, load.digest, memory: reply.body.memory))
        case (.load(let load), let failure?): server?.tell(.loadFailed(instance, load.digest, failure))
        case (.calibrate(let calibration), nil): calibrated(calibration, reply.body)
        case (.calibrate(let calibration), let failure?):
            server?.tell(.calibrationFailed(instance, calibration.digest, failure))
        case (.activate(let digest, _, _, _), nil):
            report.active = digest
            server?.tell(.activated(instance, digest))
        case (.activate(let digest, _, _, _), let failure?):
            server?.tell(.activateFailed(instance, digest, failure))
        case (.release, let failure?) where failure.code == .conflict:
            report.active = failure.active
            server?.tell(.reported(instance, report))
        case (.ping, nil): reply.body.report.map(absorb)
        case (.release, _), (.ping, _): break
        }
    }

    private func calibrated(_ calibration: HandoffCalibration, _ reply: ReplyBody) {
        guard let report = reply.calibration else {
            let failure = HandoffFailure(.badMessage, "a reply to calibrate without samples and latency_ms")
            server?.tell(.calibrationFailed(instance, calibration.digest, failure))
            return
        }
        server?.tell(.calibrated(instance, calibration.digest, report))
    }
}
