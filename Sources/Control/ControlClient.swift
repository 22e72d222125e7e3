public import EventLoop
internal import Units

/// The asking end of the control API: one connection, one question at a time.
@LoopActor
public final class ControlClient {
    private let channel: LineChannel
    private var nextID: UInt32 = 1
    private var waiting: (id: UInt32, onProgress: ProgressSink, continuation: CheckedContinuation<[UInt8], any Error>)?

    /// Called on the loop whenever the agent says how far it has come.
    public typealias ProgressSink = @LoopActor @Sendable (ControlProgress) -> Void

    /// - Throws: `noAgent` (exit 69) if nobody listens at `path`, `notAllowed` (77) if this user may not.
    public static func connect(path: String) async throws(ControlError) -> ControlClient {
        do throws(LoopError) {
            return ControlClient(try await ByteStream.connect(unixPath: path, within: .seconds(5)))
        } catch {
            switch error.code {
            case .permission:
                throw ControlError(
                    .notAllowed, "not allowed to open \(path)",
                    hint: "Run as the agent's user, or as a member of its operators' group.")
            default:
                throw ControlError(
                    .noAgent, "no agent answers at \(path): \(error.detail)",
                    hint: "Start it with `shoal agent`, or name its state folder with --state.")
            }
        }
    }

    private init(_ stream: ByteStream) {
        channel = LineChannel(
            stream, lineByteCountMax: Limits.controlLineByteCountMax,
            queuedByteCountMax: Limits.controlQueuedByteCountMax)
        channel.start(onLine: { [weak self] in self?.receive($0) }, onEnd: { [weak self] _ in self?.lose() })
    }

    /// Asks and waits for the answer; `deadline` bounds the silence between two messages of the agent, if given.
    public func call<Method: ControlMethod>(
        _ request: Method, onProgress: @escaping ProgressSink = { _ in }
    ) async throws(ControlError) -> Method.Reply {
        precondition(waiting == nil, "one question at a time")
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

    /// Ends the connection.
    public func close() { channel.close() }

    private func receive(_ line: [UInt8]) {
        guard let open = waiting, let header = try? ControlJSON.decode(AnswerHeader.self, from: line),
            header.id == open.id || header.id == 0
        else { return }
        if let progress = header.progress { return open.onProgress(progress) }
        waiting = nil
        if let error = header.error {
            open.continuation.resume(throwing: error)
        } else {
            open.continuation.resume(returning: line)
        }
    }

    private func lose() {
        let error = ControlError(.noAgent, "the agent ended before it answered", hint: "See its log, and ask again.")
        waiting?.continuation.resume(throwing: error)
        waiting = nil
    }
}
