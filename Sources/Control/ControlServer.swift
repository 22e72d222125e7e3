public import EventLoop
internal import Units

/// Answers the control API on a unix socket.
///
/// Each connection may have a bounded number of requests open; a request beyond that, or an over-long line, is refused
/// by name. Answers are written in the order in which they are ready.
@LoopActor
public final class ControlServer {
    /// Tells the asker how far its answer has come.
    public typealias ProgressSink = @LoopActor @Sendable (ControlProgress) -> Void

    private typealias Handler = @LoopActor (ControlSession, UInt32, [UInt8]) async -> Void

    private var handlers: [String: Handler] = [:]
    private var sessions: [ObjectIdentifier: ControlSession] = [:]
    private var listener: StreamListener?

    /// Answers nothing until methods are added, and hears nothing until it listens.
    public init() {}

    /// Answers `Method`. Errors of the handler reach the asker as they are.
    public func answer<Method: ControlMethod>(
        _ type: Method.Type,
        with handler: @escaping @LoopActor (Method, @escaping ProgressSink) async throws(ControlError) -> Method.Reply
    ) {
        handlers[Method.method] = { session, id, line in
            do throws(ControlError) {
                let request = try ControlJSON.decode(RequestLine<Method>.self, from: line)
                let reply = try await handler(request.params) { progress in
                    session.send(ControlJSON.encode(AnswerHeader(id: id, error: nil, progress: progress)))
                }
                session.send(try Self.line(AnswerLine(id: id, result: reply)))
            } catch {
                session.send(ControlJSON.encode(AnswerHeader(id: id, error: error, progress: nil)))
            }
        }
    }

    private static func line(_ answer: AnswerLine<some Codable>) throws(ControlError) -> [UInt8] {
        let line = ControlJSON.encode(answer)
        guard line.count <= Limits.controlLineByteCountMax else {
            throw ControlError(
                .failed, "the answer is longer than \(Limits.controlLineByteCountMax) bytes",
                hint: "Ask for less, for example for one model.")
        }
        return line
    }

    /// Starts listening.
    /// - Throws: `LoopError`, also when the path is too long for a socket.
    public func listen(path: String, mode: UInt32) throws(LoopError) {
        listener = try StreamListener.unix(path: path, mode: mode) { [weak self] stream in self?.admit(stream) }
    }

    /// Ends all connections.
    public func close() {
        listener?.close()
        listener = nil
        for session in sessions.values { session.close() }
        sessions.removeAll()
    }

    private func admit(_ stream: ByteStream) {
        let channel = LineChannel(
            stream, lineByteCountMax: Limits.controlLineByteCountMax,
            queuedByteCountMax: Limits.controlQueuedByteCountMax)
        let session = ControlSession(channel)
        guard sessions.count < Limits.controlSessionCountMax else {
            refuse(0, .init(.tryAgain, "too many commands are talking to this agent"), to: session)
            return session.finish()
        }
        let key = ObjectIdentifier(session)
        sessions[key] = session
        channel.start(
            onLine: { [weak self, weak session] line in
                guard let self, let session else { return }
                handle(line, from: session)
            },
            onEnd: { [weak self] end in
                guard let self, let session = sessions.removeValue(forKey: key) else { return }
                session.cancel()
                guard case .lineTooLong = end else { return }
                let text = "a request is longer than \(Limits.controlLineByteCountMax) bytes"
                refuse(0, .init(.wrongUsage, text), to: session)
            })
    }

    private func handle(_ line: [UInt8], from session: ControlSession) {
        guard let header = try? ControlJSON.decode(RequestHeader.self, from: line) else {
            return refuse(0, .init(.wrongUsage, "not a request of the control API"), to: session)
        }
        guard let handler = handlers[header.method] else {
            let error = ControlError(
                .wrongUsage, "this agent knows no method \(header.method)", hint: "Use a shoal command of its version.")
            return refuse(header.id, error, to: session)
        }
        guard session.openRequestCount < Limits.controlRequestCountMax else {
            return refuse(header.id, .init(.tryAgain, "too many requests are open on this connection"), to: session)
        }
        session.begin(header.id) { await handler(session, header.id, line) }
    }

    private func refuse(_ id: UInt32, _ error: ControlError, to session: ControlSession) {
        session.send(ControlJSON.encode(AnswerHeader(id: id, error: error, progress: nil)))
    }
}

/// One connection to the control socket.
@LoopActor
final class ControlSession {
    /// The requests that are open, by a number of their own; each is cancelled when the asker goes.
    private var requests: [UInt64: (id: UInt32, task: Task<Void, Never>)] = [:]
    private var nextNumber: UInt64 = 0
    private let channel: LineChannel
    /// Runs while requests are open, so that askers can tell long work from an agent that is stuck.
    private var pulse: LoopTimer?

    init(_ channel: LineChannel) {
        self.channel = channel
        pulse = LoopTimer { [weak self] in self?.showLife() }
    }

    var openRequestCount: Int { requests.count }

    /// The control plane is where tasks are allowed: one per request, and the server bounds these.
    func begin(_ id: UInt32, _ request: @escaping @LoopActor () async -> Void) {
        let number = nextNumber
        nextNumber += 1
        let pause = Duration.seconds(Limits.controlPulseSeconds)
        if requests.isEmpty { pulse?.start(after: pause, repeating: pause) }
        let task = Task { @LoopActor [weak self] in
            await request()
            self?.end(number)
        }
        requests[number] = (id, task)
    }

    private func end(_ number: UInt64) {
        requests[number] = nil
        if requests.isEmpty { pulse?.stop() }
    }

    private func showLife() {
        let sign = ControlProgress(stage: "", done: 0, total: 0)
        for (id, _) in requests.values { send(ControlJSON.encode(AnswerHeader(id: id, error: nil, progress: sign))) }
    }

    func send(_ line: [UInt8]) { channel.send(line) }

    /// Nobody waits for the answers any more.
    func cancel() {
        pulse?.close()
        pulse = nil
        for (_, task) in requests.values { task.cancel() }
    }

    func close() {
        cancel()
        channel.close()
    }

    /// Ends once what was sent is out.
    func finish() { channel.flushThenClose() }
}
