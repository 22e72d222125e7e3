import EventLoop
import FoundationEssentials
import HTTPClient
import Units

/// The repository API of the Open Inference Protocol (`v2`): the server is told to load a model anew by its name, finds
/// the files where the place leads, and takes the new version in the old one's stead without a request lost, or keeps
/// the old one.
@LoopActor final class RepositoryAdapter: ServerAdapter {
    let name = "v2"
    let drainTime = Duration.zero
    var onNews: (@LoopActor () -> Void)?
    var named: Set<Digest> { place.named }
    private let calls: ServerCalls
    private let place: PlaceKeeper
    private let loadPath: String
    private let readyPath: String
    private let startTime: Duration
    /// What the server serves while it is ready.
    private var serving: Digest?
    /// Since when a server has been found that is not ready.
    private var notReadySince: Instant?

    /// - Parameter startTime: how long a server that was just started may take to load what it finds, before it is told
    ///   to.
    init(_ calls: ServerCalls, model: String, place: PlaceKeeper, startTime: Duration) {
        self.calls = calls
        self.place = place
        self.startTime = startTime
        let segment = model.asPathSegment
        loadPath = "/v2/repository/models/\(segment)/load"
        readyPath = "/v2/models/\(segment)/ready"
    }

    // MARK: Looking

    func greet() async throws(ServerFault) -> ServerGreeting {
        // First of all: what the link leads to must stay on disk, whether its server is there or not.
        let state = try await place.recover()
        try await requireLife()
        let isReady = try await calls.isWell(readyPath)
        if !isReady, state.digest != nil {
            // It may be loading what it found when it started, as it should.
            let since = notReadySince ?? Clock.now()
            notReadySince = since
            guard Clock.now() >= since + startTime else { throw .silent("the model is not ready") }
        }
        notReadySince = nil
        serving = isReady && state.isSure ? state.digest : nil
        return ServerGreeting(runtime: await runtime(), loadReplaces: true, active: serving)
    }

    func look() async throws(ServerFault) -> ServerLook {
        try await requireLife()
        if try await !calls.isWell(readyPath) { serving = nil }
        return ServerLook(report: HandoffReport(active: serving))
    }

    private func requireLife() async throws(ServerFault) {
        guard try await calls.isWell("/v2/health/live") else { throw .silent("the server says that it is not live") }
    }

    private struct Metadata: Decodable {
        let name: String
        let version: String
    }

    private func runtime() async -> String {
        guard let answer = try? await calls.get("/v2"), answer.isSuccess,
            let said = try? JSONDecoder().decode(Metadata.self, from: Data(answer.body))
        else { return "" }
        return "\(said.name) \(said.version)"
    }

    // MARK: Loading

    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount? {
        let deadline = Clock.now() + load.deadline
        do throws(ServerFault) {
            _ = try await place.offer(load)
            try await loadOnServer(until: deadline)
            try await place.keep(load.digest)
            serving = load.digest
            return nil
        } catch {
            throw await goBack(because: error, within: load.deadline)
        }
    }

    private func loadOnServer(until deadline: Instant) async throws(ServerFault) {
        let answer = try await calls.post(loadPath, Array("{}".utf8), within: deadline - Clock.now())
        guard answer.isSuccess else { throw .refused(ServerCalls.failure(answer, "load")) }
        // The answer comes once the model is loaded, but nothing says so.
        while try await !isReadyAfterLoad() {
            guard Clock.now() < deadline else {
                throw .refused(HandoffFailure(.deadlineExceeded, "loaded, and not ready in time"))
            }
            await pause(.milliseconds(Limits.adapterPollMilliseconds))
        }
    }

    private func isReadyAfterLoad() async throws(ServerFault) -> Bool {
        do throws(ServerFault) {
            return try await calls.isWell(readyPath)
        } catch {
            guard case .silent(let words) = error else { throw error }
            throw .gone("the server ended right after it loaded the version: \(words)")
        }
    }

    /// The name leads to the old version again before anything else: a server that starts now must find that one.
    private func goBack(because fault: ServerFault, within time: Duration) async -> ServerFault {
        if case .ending = fault { return fault }
        do throws(ServerFault) {
            let before = try await place.takeBack().digest
            if case .gone = fault { return fault }
            // One that took too long may still come, and would serve: it is told again what should.
            let isLate = fault.failure.code == .deadlineExceeded
            let isReady = try await calls.isWell(readyPath)
            if before != nil, isLate || !isReady {
                serving = nil
                try await loadOnServer(until: Clock.now() + time)
                serving = before
            }
            try await place.settle()
        } catch {
            // What it serves is asked next, and decides.
            return fault
        }
        return fault
    }

    // MARK: What there is nothing to do for

    func activate(_ switching: ServerSwitch) async throws(ServerFault) {
        guard serving == switching.digest else {
            throw .refused(HandoffFailure(.notResident, "the server holds what it serves and nothing else"))
        }
    }

    func release(_ digest: Digest) async throws(ServerFault) -> Bool { true }

    func withdraw(_ digest: Digest) async { try? await place.fallBack(from: digest) }

    func end() async {}
}
