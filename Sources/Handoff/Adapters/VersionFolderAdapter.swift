import EventLoop
import FoundationEssentials
import HTTPClient
import Units

/// A server that takes the highest number in a folder of its own accord (`version-directory`): TensorFlow Serving and
/// OpenVINO Model Server. It loads a new number beside the old one, and lets go of the old one once the new one is
/// available; a number that it cannot load it says so of, and serves on.
@LoopActor final class VersionFolderAdapter: ServerAdapter {
    let name = "version-directory"
    let drainTime = Duration.zero
    var onNews: (@LoopActor () -> Void)?
    var named: Set<Digest> { place.named }
    private let calls: ServerCalls
    private let place: PlaceKeeper
    private let statusPath: String
    /// Asked for after each change, by a server that does not look at its folder by itself; nil for none.
    private let reloadPath: String?
    private let startTime: Duration
    private var serving: (digest: Digest, number: Int)?
    private var notReadySince: Instant?

    init(
        _ calls: ServerCalls, model: String, place: PlaceKeeper, reloadPath: String?,
        startTime: Duration
    ) {
        self.calls = calls
        self.place = place
        self.reloadPath = reloadPath
        self.startTime = startTime
        statusPath = "/v1/models/\(model.asPathSegment)"
    }

    // MARK: Looking

    private struct Statuses: Decodable {
        struct Version: Decodable {
            struct Status: Decodable {
                let error_code: String?
                let error_message: String?
            }

            let version: String
            let state: String
            let status: Status?
        }

        let model_version_status: [Version]
    }

    /// How far a number is.
    private enum Progress {
        case unknown, loading, available
        case failed(String)
    }

    private func progress(of number: Int) async throws(ServerFault) -> Progress {
        let answer = try await calls.get(statusPath)
        // A model of which no version is there is not found.
        if answer.status == 404 { return .unknown }
        guard answer.isSuccess else { throw .silent("\(statusPath): status \(answer.status)") }
        guard let said = try? JSONDecoder().decode(Statuses.self, from: Data(answer.body)) else {
            throw .refused(HandoffFailure(.badMessage, "\(statusPath): not the status of a model"))
        }
        guard let version = said.model_version_status.first(where: { $0.version == String(number) })
        else {
            return .unknown
        }
        if let code = version.status?.error_code, code != "OK", code != "0" {
            return .failed("\(code) \(version.status?.error_message ?? "")")
        }
        switch version.state {
        case "AVAILABLE": return .available
        case "END": return .failed("the server ended version \(number)")
        default: return .loading
        }
    }

    func greet() async throws(ServerFault) -> ServerGreeting {
        let state = try await place.recover()
        serving = nil
        guard let number = state.number, let digest = state.digest else {
            _ = try await progress(of: 0)
            return ServerGreeting(loadReplaces: true)
        }
        switch try await progress(of: number) {
        case .available: serving = (digest, number)
        case .failed: break
        case .loading, .unknown:
            let since = notReadySince ?? Clock.now()
            notReadySince = since
            guard Clock.now() >= since + startTime else {
                throw .silent("version \(number) is not available yet")
            }
        }
        notReadySince = nil
        return ServerGreeting(loadReplaces: true, active: serving?.digest)
    }

    func look() async throws(ServerFault) -> ServerLook {
        guard let before = serving else {
            _ = try await progress(of: 0)
            return ServerLook(report: HandoffReport())
        }
        if case .available = try await progress(of: before.number) {
            return ServerLook(report: HandoffReport(active: before.digest))
        }
        serving = nil
        return ServerLook(report: HandoffReport())
    }

    // MARK: Loading

    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount? {
        _ = try await progress(of: 0)  // whether anybody is there
        let deadline = Clock.now() + load.deadline
        do throws(ServerFault) {
            guard let number = try await place.offer(load) else {
                preconditionFailure("a folder without numbers")
            }
            try await reload(within: load.deadline)
            try await waitAvailable(number, until: deadline, step)
            try await place.keep(load.digest)
            serving = (load.digest, number)
        } catch {
            throw await goBack(because: error, within: load.deadline)
        }
        // What was there is gone from the folder; that the server lets go of it needs no waiting for.
        try? await reload(within: load.deadline)
        return nil
    }

    private func reload(within deadline: Duration) async throws(ServerFault) {
        guard let reloadPath else { return }
        let answer = try await calls.post(reloadPath, [], within: deadline)
        guard answer.isSuccess else { throw .refused(ServerCalls.failure(answer, reloadPath)) }
    }

    private func waitAvailable(_ number: Int, until deadline: Instant, _ step: ServerStep)
        async throws(ServerFault)
    {
        var lastHeard = Clock.now()
        while true {
            do throws(ServerFault) {
                switch try await progress(of: number) {
                case .available: return
                case .failed(let words): throw .refused(HandoffFailure(.loadFailed, plainText(words)))
                case .loading, .unknown: lastHeard = Clock.now()
                }
            } catch {
                guard case .silent(let words) = error else { throw error }
                guard Clock.now() < lastHeard + ServerCalls.question else {
                    throw .gone("the server ended while it loaded the version: \(words)")
                }
            }
            if step.isCalledOff { throw .refused(ServerStep.cancelled) }
            guard Clock.now() < deadline else {
                throw .refused(
                    HandoffFailure(.deadlineExceeded, "version \(number) was not available in time"))
            }
            await pause(.milliseconds(Limits.adapterPollMilliseconds))
        }
    }

    /// The number goes, so that the highest is the old one; the server never let go of that, or loads it again.
    private func goBack(because fault: ServerFault, within time: Duration) async -> ServerFault {
        if case .ending = fault { return fault }
        do throws(ServerFault) {
            let before = try await place.takeBack()
            if case .gone = fault { return fault }
            try await reload(within: time)
            guard let number = before.number, let digest = before.digest else { return fault }
            serving = nil
            try await waitAvailable(number, until: Clock.now() + time, ServerStep(nil))
            serving = (digest, number)
        } catch {
            // What it serves is asked next, and decides.
            return fault
        }
        return fault
    }

    // MARK: What there is nothing to do for

    func activate(_ switching: ServerSwitch) async throws(ServerFault) {
        guard serving?.digest == switching.digest else {
            throw .refused(
                HandoffFailure(.notResident, "the server holds what it serves and nothing else"))
        }
    }

    func release(_ digest: Digest) async throws(ServerFault) -> Bool { true }

    func withdraw(_ digest: Digest) async { try? await place.fallBack(from: digest) }

    func end() async {}
}
