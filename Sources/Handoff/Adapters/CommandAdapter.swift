import EventLoop
import FoundationEssentials
import Units

/// A command of the operator's that carries out each verb (`exec`): what it is asked stands in its environment, what
/// came of it in its exit code. 0: done; 75: try again later; anything else: failed.
///
/// The link leads to the new version before the switch, and back when that fails. What serves is what the command says
/// it is, or, if it says nothing, what was switched to last.
@LoopActor final class CommandAdapter: ServerAdapter {
    let name = "exec"
    /// A release may wait by itself for the requests that still run.
    let drainTime = Duration.zero
    var onNews: (@LoopActor () -> Void)?
    var named: Set<Digest> { place.named }
    private let command: ChildProcess.Command
    private let model: ModelName
    private let place: PlaceKeeper
    private let runner: CommandRunner
    private var loads: [Digest: HandoffLoad] = [:]
    private var serving: Digest?

    init(
        _ command: ChildProcess.Command, model: ModelName, place: PlaceKeeper,
        onLine: @escaping @LoopActor (String) -> Void
    ) {
        self.command = command
        self.model = model
        self.place = place
        runner = CommandRunner(onLine: onLine)
    }

    // MARK: The command

    /// Runs one verb. What is not given is not in the environment.
    private func run(
        _ verb: String, _ more: [String: String?], within deadline: Duration
    ) async throws(ServerFault) -> CommandRunner.Outcome {
        var command = command
        command.environment["SHOAL_VERB"] = verb
        command.environment["SHOAL_MODEL"] = model.text
        command.environment["SHOAL_DEADLINE_MS"] = String(deadline.wholeMilliseconds)
        command.environment["SHOAL_PREVIOUS"] = serving?.hex
        command.environment["SHOAL_PREVIOUS_PATH"] = serving.flatMap { loads[$0]?.path }
        for (name, value) in more { command.environment["SHOAL_" + name] = value }
        return try await runner.run(command, within: deadline)
    }

    /// Runs one verb that must succeed.
    private func step(
        _ verb: String, _ more: [String: String?], within deadline: Duration
    ) async throws(ServerFault) -> ReplyBody? {
        let outcome = try await run(verb, more, within: deadline)
        let reply = outcome.firstLine.flatMap {
            try? JSONDecoder().decode(ReplyBody.self, from: Data($0.utf8))
        }
        if outcome.isLate {
            throw .refused(
                HandoffFailure(.deadlineExceeded, "the command for \(verb) took too long and was ended"))
        }
        if let failure = reply?.failure { throw .refused(failure) }
        guard !outcome.isSuccess else { return reply }
        throw .refused(
            HandoffFailure(
                verb == "calibrate" ? .calibrationFailed : .loadFailed,
                plainText("\(verb): \(outcome.words)"),
                isRetryable: outcome.end == .exited(status: 75)))
    }

    private static func described(_ load: HandoffLoad) -> [String: String?] {
        [
            "DIGEST": load.digest.hex, "VERSION": load.tag?.text ?? load.digest.short,
            "VARIANT": load.variant.text,
            "PATH": load.path,
        ]
    }

    // MARK: Looking

    private struct Hello: Decodable {
        let runtime: String?
        let capabilities: [String]?
        let active: HelloMessage.Active?
        let resident: [DigestText]?
        let saysWhatIsActive: Bool

        private enum Key: CodingKey {
            case runtime, capabilities, active, resident
        }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: Key.self)
            runtime = try fields.decodeIfPresent(String.self, forKey: .runtime)
            capabilities = try fields.decodeIfPresent([String].self, forKey: .capabilities)
            active = try fields.decodeIfPresent(HelloMessage.Active.self, forKey: .active)
            resident = try fields.decodeIfPresent([DigestText].self, forKey: .resident)
            saysWhatIsActive = fields.contains(.active)
        }
    }

    func greet() async throws(ServerFault) -> ServerGreeting {
        let state = try await place.recover()
        let outcome = try await run("hello", [:], within: ServerCalls.question)
        guard outcome.end != .exited(status: 75) else {
            throw .silent(outcome.lastError ?? "the command for hello says: later")
        }
        let remembered = state.isSure ? state.digest : nil
        let said = outcome.isSuccess ? outcome.firstLine : nil
        let hello = said.flatMap { try? JSONDecoder().decode(Hello.self, from: Data($0.utf8)) }
        serving = hello?.saysWhatIsActive == true ? hello?.active?.digest.digest : remembered
        return ServerGreeting(
            runtime: hello?.runtime ?? "",
            canCalibrate: hello?.capabilities?.contains("calibrate") ?? false,
            active: serving,
            resident: (hello?.resident ?? []).prefix(Limits.handoffResidentCountMax).map(\.digest))
    }

    /// A command has no health: what it did last holds.
    func look() async throws(ServerFault) -> ServerLook {
        ServerLook(report: HandoffReport(active: serving))
    }

    // MARK: Steps

    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount? {
        let reply = try await self.step("load", Self.described(load), within: load.deadline)
        loads[load.digest] = load
        return reply?.memory
    }

    func calibrate(_ calibration: HandoffCalibration) async throws(ServerFault)
        -> HandoffCalibrationReport
    {
        guard let load = loads[calibration.digest] else { throw .refused(Self.notLoaded) }
        var fields = Self.described(load)
        fields["INPUTS"] = calibration.inputs
        fields["OUTPUTS"] = calibration.outputs
        fields["BESIDE"] = calibration.beside?.hex
        guard
            let report = try await step("calibrate", fields, within: calibration.deadline)?.calibration
        else {
            throw .refused(
                HandoffFailure(
                    .badMessage, "calibrate: its first line is no reply with samples and latency_ms"))
        }
        return report
    }

    func activate(_ switching: ServerSwitch) async throws(ServerFault) {
        guard serving != switching.digest else { return }
        guard serving == switching.expected else {
            throw .refused(HandoffFailure(.conflict, "another version serves", active: serving))
        }
        guard let load = loads[switching.digest] else { throw .refused(Self.notLoaded) }
        do throws(ServerFault) {
            _ = try await place.offer(load)
            _ = try await step("activate", Self.described(load), within: switching.deadline)
            try await place.keep(load.digest)
        } catch {
            if case .ending = error { throw error }
            await place.giveUp()
            throw error
        }
        serving = switching.digest
    }

    func release(_ digest: Digest) async throws(ServerFault) -> Bool {
        let known = loads[digest].map { Self.described($0) }
        _ = try await step(
            "release", known ?? ["DIGEST": digest.hex], within: .seconds(Limits.adapterReleaseSeconds))
        loads[digest] = nil
        return true
    }

    private static let notLoaded = HandoffFailure(.notResident, "this agent has not had it loaded")

    func withdraw(_ digest: Digest) async { try? await place.fallBack(from: digest) }

    func willEnd() { runner.close() }

    func end() async {}
}
