import EventLoop
import FoundationEssentials
import HTTPClient
import Units

/// A server that takes the requests of `handoff/1` as HTTP POSTs to one address (`http`), each answered by its reply.
/// It loads beside what it serves, and switches when it is told to.
@LoopActor final class MessageAdapter: ServerAdapter {
    let name = "http"
    /// A release waits by itself for the requests that still run.
    let drainTime = Duration.zero
    var onNews: (@LoopActor () -> Void)?
    var named: Set<Digest> { [] }
    private let calls: ServerCalls
    private let model: ModelName
    private var lastID = 0

    init(_ calls: ServerCalls, model: ModelName) {
        self.calls = calls
        self.model = model
    }

    // MARK: Messages

    private func send(_ body: [UInt8], within deadline: Duration) async throws(ServerFault) -> [UInt8] {
        let answer = try await calls.post(
            "", body, within: deadline + .seconds(Limits.handoffGraceSeconds))
        if answer.isSuccess { return answer.body }
        // A refusal may say why in its own words.
        if let reply = try? reply(answer.body), let failure = reply.failure { throw .refused(failure) }
        throw .refused(ServerCalls.failure(answer, "the server"))
    }

    private func ask(_ command: HandoffCommand, within deadline: Duration) async throws(ServerFault)
        -> ReplyBody
    {
        lastID += 1
        let reply = try reply(
            try await send(HandoffOutgoing.request(id: lastID, command).line, within: deadline))
        if let failure = reply.failure { throw .refused(failure) }
        return reply
    }

    private func reply(_ body: [UInt8]) throws(ServerFault) -> ReplyBody {
        do {
            return try JSONDecoder().decode(ReplyBody.self, from: Data(body))
        } catch {
            throw .refused(HandoffFailure(.badMessage, plainText("no reply of handoff/1: \(error)")))
        }
    }

    private struct Hello: Decodable {
        let runtime: String?
        let capabilities: [String]?
        let active: HelloMessage.Active?
        let resident: [DigestText]?
    }

    private struct HelloRequest: Encodable {
        let type = "hello"
        let `protocol` = [1]
        let model: String

        enum CodingKeys: CodingKey {
            case type, `protocol`, model
        }
    }

    func greet() async throws(ServerFault) -> ServerGreeting {
        guard let request = try? JSONEncoder().encode(HelloRequest(model: model.text)) else {
            preconditionFailure("a hello of ours cannot be written")
        }
        let body = try await send(Array(request), within: ServerCalls.question)
        guard let hello = try? JSONDecoder().decode(Hello.self, from: Data(body)),
            (hello.resident ?? []).count <= Limits.handoffResidentCountMax
        else { throw .refused(HandoffFailure(.badMessage, "no hello of handoff/1")) }
        return ServerGreeting(
            runtime: hello.runtime ?? "", canCalibrate: (hello.capabilities ?? []).contains("calibrate"),
            active: hello.active?.digest.digest, resident: (hello.resident ?? []).map(\.digest))
    }

    func look() async throws(ServerFault) -> ServerLook {
        let reply: ReplyBody
        do throws(ServerFault) {
            reply = try await ask(.ping, within: ServerCalls.question)
        } catch {
            // A question has no effect: whether the server went away, or only the connection, the next one shows.
            guard case .gone(let words) = error else { throw error }
            throw .silent(words)
        }
        guard let report = reply.report else {
            throw .refused(HandoffFailure(.badMessage, "a reply to ping without active"))
        }
        return ServerLook(report: report, resident: reply.resident.map { Set($0) })
    }

    // MARK: Steps

    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount? {
        do throws(ServerFault) {
            return try await ask(.load(load), within: load.deadline).memory
        } catch {
            // Whatever comes of a load that took too long is not wanted any more.
            if error.failure.code == .deadlineExceeded { _ = try? await release(load.digest) }
            throw error
        }
    }

    func calibrate(_ calibration: HandoffCalibration) async throws(ServerFault)
        -> HandoffCalibrationReport
    {
        let reply = try await ask(.calibrate(calibration), within: calibration.deadline)
        guard let report = reply.calibration else {
            let words = "a reply to calibrate without samples and latency_ms"
            throw .refused(HandoffFailure(.badMessage, words))
        }
        return report
    }

    func activate(_ switching: ServerSwitch) async throws(ServerFault) {
        let command = HandoffCommand.activate(
            switching.digest, tag: switching.tag, expecting: switching.expected,
            deadline: switching.deadline)
        _ = try await ask(command, within: switching.deadline)
    }

    func release(_ digest: Digest) async throws(ServerFault) -> Bool {
        _ = try await ask(.release(digest), within: ServerCalls.question)
        // Without a list of what is resident, its word that it understood has to do.
        guard let resident = try await look().resident else { return true }
        return !resident.contains(digest)
    }

    func withdraw(_ digest: Digest) async {}

    func end() async {}
}
