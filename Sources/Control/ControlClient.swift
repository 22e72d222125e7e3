public import EventLoop
public import Units

/// The asking end of the control API: one connection, one question at a time.
///
/// open → ended, for whatever reason came first; a question to an ended connection fails at once.
@LoopActor
public final class ControlClient {
    private let channel: LineChannel
    private var nextID: UInt32 = 1
    /// Why the connection is of no more use.
    private var ending: ControlError?
    /// Called for every line that comes.
    private var onSign: (@LoopActor () -> Void)?
    private var waiting: (id: UInt32, onProgress: ProgressSink, continuation: CheckedContinuation<[UInt8], any Error>)?

    /// Called on the loop whenever the agent says how far it has come.
    public typealias ProgressSink = @LoopActor @Sendable (ControlProgress) -> Void

    /// - Throws: `noAgent` (exit 69) if nobody listens at `path`, `notAllowed` (77) if this user may not.
    public static func connect(path: String) async throws(ControlError) -> ControlClient {
        do throws(LoopError) {
            return ControlClient(try await ByteStream.connect(unixPath: path, within: .seconds(5)))
        } catch {
            // What the system says often names the path already.
            let why = error.detail.hasPrefix(path) ? error.detail : "\(path): \(error.detail)"
            switch error.code {
            case .permission:
                throw ControlError(
                    .notAllowed, "not allowed to open \(path)",
                    hint: "Run as the agent's user, or as a member of its operators' group.")
            default:
                throw ControlError(
                    .noAgent, "no agent answers at \(why)",
                    hint: "Start it with `shoal agent`, or name its state folder with --state.")
            }
        }
    }

    private init(_ stream: ByteStream) {
        channel = LineChannel(
            stream, lineByteCountMax: Limits.controlLineByteCountMax,
            queuedByteCountMax: Limits.controlQueuedByteCountMax)
        channel.start(onLine: { [weak self] in self?.receive($0) }, onEnd: { [weak self] _ in self?.end(.agentGone) })
    }

    /// Asks, and waits until the agent has answered or the connection has ended: some answers take as long as a fetch.
    /// - Precondition: the answer to the question before has come.
    /// - Parameter silenceMax: an agent that says nothing at all for so long is stuck; one that works says so in time.
    /// - Throws: what the agent answered; `noAgent` if it ended meanwhile, or is stuck.
    public func call<Method: ControlMethod>(
        _ request: Method, silenceMax: Duration = .seconds(Limits.controlSilenceSeconds),
        onProgress: @escaping ProgressSink = { _ in }
    ) async throws(ControlError) -> Method.Reply {
        precondition(waiting == nil, "one question at a time")
        if let ending { throw ending }
        let vigil = LoopTimer { [weak self] in self?.giveUp(after: silenceMax) }
        vigil.start(after: silenceMax)
        onSign = { vigil.start(after: silenceMax) }
        defer {
            onSign = nil
            vigil.close()
        }
        let id = nextID
        nextID += 1
        let line = ControlJSON.encode(RequestLine(id: id, method: Method.method, params: request))
        let answer: [UInt8]
        do {
            answer = try await withCheckedThrowingContinuation { continuation in
                waiting = (id, onProgress, continuation)
                channel.send(line)
            }
        } catch {
            throw error as? ControlError ?? ControlError(.noAgent, "\(error)")
        }
        return try ControlJSON.decode(AnswerLine<Method.Reply>.self, from: answer).result
    }

    /// Ends the connection; a question that is still open fails. Idempotent.
    public func close() {
        channel.close()
        end(ControlError(.failed, "the connection was closed before the agent answered"))
    }

    private func giveUp(after silence: Duration) {
        channel.close()
        end(
            ControlError(
                .noAgent, "the agent has said nothing for \(silence.components.seconds) s",
                hint: "It is stuck: see its log, and start it again."))
    }

    private func receive(_ line: [UInt8]) {
        onSign?()
        guard let header = try? ControlJSON.decode(AnswerHeader.self, from: line) else {
            channel.close()
            return end(ControlError(.failed, "the agent's answer is not one of the control API", hint: "See its log."))
        }
        if header.id == 0, let error = header.error { return end(error) }
        guard let open = waiting, header.id == open.id else { return }
        if let progress = header.progress { return progress.stage.isEmpty ? () : open.onProgress(progress) }
        waiting = nil
        if let error = header.error {
            open.continuation.resume(throwing: error)
        } else {
            open.continuation.resume(returning: line)
        }
    }

    private func end(_ error: ControlError) {
        guard ending == nil else { return }
        ending = error
        waiting?.continuation.resume(throwing: error)
        waiting = nil
    }
}

extension ControlError {
    fileprivate static let agentGone = ControlError(
        .noAgent, "the agent ended before it answered", hint: "See its log, and ask again.")
}
