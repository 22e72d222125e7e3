public import EventLoop
public import Units

/// The agent's end of `Protocol/handoff.md`: listens on the unix socket, checks who connects, carries commands to the
/// inference processes and their words back. It decides nothing about versions.
///
/// Invariant: `sessions` holds every connection that was let in and has not ended; at most `sessionCountMax`.
@LoopActor public final class HandoffServer {
    let settings: HandoffSettings
    private let rules: [HandoffRule]
    private var onEvent: (@LoopActor (HandoffEvent) -> Void)?
    private var listener: StreamListener?
    private var sessions: [HandoffInstance: HandoffSession] = [:]
    private var refused: [ByteStream] = []
    private let numbers: HandoffNumbers

    /// Starts to listen. `onEvent` is kept until `close()`.
    ///
    /// - Parameters:
    ///   - path: The socket's path, at most 107 bytes; its folder must exist.
    ///   - mode: The socket file's permissions.
    ///   - allow: Who may bind what. Nobody else is heard.
    ///   - numbers: Shared by all that names instances to the same listener.
    /// - Throws: What `StreamListener.unix` throws: `.invalid` for a path that is too long, `.addressInUse`,
    ///   `.notFound`, `.permission`.
    public init(
        path: String, mode: UInt32 = 0o660, allow: [HandoffRule], settings: HandoffSettings = .init(),
        numbers: HandoffNumbers = .init(), onEvent: @escaping @LoopActor (HandoffEvent) -> Void
    ) throws(LoopError) {
        self.numbers = numbers
        self.settings = settings
        rules = allow
        self.onEvent = onEvent
        listener = try StreamListener.unix(path: path, mode: mode) { [weak self] stream in self?.accept(stream) }
    }

    /// Tells all processes that the agent ends, and stops listening. No event comes after it. Idempotent.
    public func close() {
        onEvent = nil
        listener?.close()
        listener = nil
        for session in sessions.values { session.close(saying: HandoffFailure(.shuttingDown, "the agent ends")) }
        sessions = [:]
        refused = []
    }

    /// The processes that are connected now, in the order in which they came.
    public var instances: [(instance: HandoffInstance, hello: HandoffHello, report: HandoffReport)] {
        sessions.keys.sorted().compactMap { id in
            guard let session = sessions[id], let hello = session.hello else { return nil }
            return (id, hello, session.report)
        }
    }

    // MARK: Commands
    // One to a process that has gone does nothing: its `.detached` was delivered, or is about to be.

    /// Has a process load a version beside what it serves. Answered by `.loaded` or `.loadFailed`.
    public func load(_ instance: HandoffInstance, _ load: HandoffLoad) {
        sessions[instance]?.ask(.load(load), within: load.deadline + .seconds(Limits.handoffGraceSeconds))
    }

    /// Has a process run the calibration inputs on a version that it loaded. Answered by `.calibrated` or
    /// `.calibrationFailed`.
    public func calibrate(_ instance: HandoffInstance, _ calibration: HandoffCalibration) {
        let allowance = Duration.seconds(Limits.handoffGraceSeconds)
        sessions[instance]?.ask(.calibrate(calibration), within: calibration.deadline + allowance)
    }

    /// Has a process switch to a version that it loaded, if it serves `expected` now. Answered by `.activated` or
    /// `.activateFailed`.
    public func activate(
        _ instance: HandoffInstance, _ digest: Digest, tag: Tag?, expecting expected: Digest?,
        within deadline: Duration = .seconds(Limits.rolloutActivateSeconds)
    ) {
        let command = HandoffCommand.activate(digest, tag: tag, expecting: expected, deadline: deadline)
        sessions[instance]?.ask(command, within: deadline + .seconds(Limits.handoffGraceSeconds))
    }

    /// Has a process let go of a version, once its last request ended; a load of it is abandoned. Answered by
    /// `.released`, in the process's own time.
    public func release(_ instance: HandoffInstance, _ digest: Digest) {
        sessions[instance]?.ask(.release(digest), within: .seconds(Limits.handoffReplySeconds))
    }

    /// Asks a process what it serves. Answered by `.reported`; without an answer the lease decides.
    public func ping(_ instance: HandoffInstance) {
        sessions[instance]?.ask(.ping, within: .seconds(Limits.handoffReplySeconds))
    }

    // MARK: Connections

    private func accept(_ stream: ByteStream) {
        guard let credentials = stream.peerCredentials else {
            return refuse(stream, nil, HandoffFailure(.notAllowed, "the system does not say who connects"))
        }
        guard rules.contains(where: { $0.userID == credentials.userID }) else {
            let words = "user \(credentials.userID) may not bind any model: add a rule to the agent's configuration"
            return refuse(stream, credentials, HandoffFailure(.notAllowed, words))
        }
        guard sessions.count < settings.sessionCountMax else {
            let words = "\(sessions.count) inference processes are connected, and no more are taken"
            return refuse(stream, credentials, HandoffFailure(.tooMany, words))
        }
        let instance = numbers.next()
        let session = HandoffSession(instance, stream, credentials, server: self)
        sessions[instance] = session
        session.start()
    }

    /// Says why and closes. Whoever comes too often is closed without a word.
    private func refuse(_ stream: ByteStream, _ credentials: PeerCredentials?, _ failure: HandoffFailure) {
        refused.removeAll(where: \.isClosed)
        if refused.count < Limits.handoffRefusedCountMax {
            stream.write(HandoffOutgoing.error(failure).line + [UInt8(ascii: "\n")])
            stream.shutdownThenClose()
            refused.append(stream)
        } else {
            stream.close()
        }
        onEvent?(.refused(credentials, failure))
    }

    /// Whether a process that said hello may have what it asks for; nil if so. A process that comes anew takes its
    /// former connection's place.
    func admit(_ session: HandoffSession, _ hello: HandoffHello) -> HandoffFailure? {
        let mine = rules.filter { $0.userID == session.credentials.userID }
        guard mine.contains(where: { $0.covers(hello.model) }) else {
            let words =
                "user \(session.credentials.userID) may not bind \(hello.model): add it to the agent's configuration"
            return HandoffFailure(.notAllowed, words)
        }
        let former = sessions.values.first { $0.hello?.model == hello.model && $0.hello?.name == hello.name }
        guard let former else { return nil }
        guard former.credentials.processID == session.credentials.processID else {
            let words =
                "process \(former.credentials.processID) is connected as \(hello.name) for \(hello.model) already"
            return HandoffFailure(.instanceTaken, words)
        }
        former.end(saying: HandoffFailure(.replaced, "the same process connected anew"))
        return nil
    }

    /// Forgets a session. Its `.detached` or `.refused` goes out.
    func sessionDidEnd(_ session: HandoffSession, _ failure: HandoffFailure) {
        guard sessions.removeValue(forKey: session.instance) != nil else { return }
        if session.hello != nil {
            onEvent?(.detached(session.instance, inOrder: session.isEndInOrder, reason: failure.description))
        } else {
            onEvent?(.refused(session.credentials, failure))
        }
    }

    func tell(_ event: HandoffEvent) { onEvent?(event) }
}
