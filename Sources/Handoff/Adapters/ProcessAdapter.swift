import EventLoop
import Glibc
import HTTPClient
import Units

/// A server that the agent starts itself, a process for each version (`process`): the new one is started beside the old
/// one, its health is waited for, the operator's command switches over, and the old one is ended once it has drained.
/// Where the machine cannot hold two (`exclusive`), the old one is ended first, and started again if the new one fails.
///
/// Each child is running, or is being ended; one that serves and ends by itself takes the session with it.
@LoopActor final class ProcessAdapter: ServerAdapter {
    /// One process of one version.
    final class Child {
        let load: HandoffLoad
        let port: UInt16
        let startedAt = Clock.now()
        var process: ChildProcess?
        var lastLine = ""
        let endBell = Bell()

        init(_ load: HandoffLoad, port: UInt16) {
            self.load = load
            self.port = port
        }
    }

    let name = "process"
    let drainTime: Duration
    var onNews: (@LoopActor () -> Void)?
    var named: Set<Digest> { place.named.union(children.map(\.load.digest)) }
    private let settings: ProcessServer
    private let model: ModelName
    private let place: PlaceKeeper
    private let calls: ServerCalls
    private let orphans: OrphanBook
    private let onLine: @LoopActor (String) -> Void
    private let runner: CommandRunner
    private var children: [Child] = []
    private var serving: Child?
    private var deathCount = 0
    private var startAgainAt = Clock.now()

    init(
        _ settings: ProcessServer, model: ModelName, place: PlaceKeeper, calls: ServerCalls,
        orphans: OrphanBook,
        onLine: @escaping @LoopActor (String) -> Void
    ) {
        self.settings = settings
        self.model = model
        self.place = place
        self.calls = calls
        self.orphans = orphans
        self.onLine = onLine
        runner = CommandRunner(onLine: onLine)
        drainTime = settings.drain
    }

    // MARK: Looking

    func greet() async throws(ServerFault) -> ServerGreeting {
        guard Clock.now() >= startAgainAt else {
            throw .silent("its process ended; it is started again soon")
        }
        await orphans.end(within: settings.stop)
        _ = try await place.recover()
        if serving?.process?.end != nil { serving = nil }
        for child in children {
            guard try await !isWell(child) else { continue }
            await stop(child)
        }
        return ServerGreeting(
            runtime: settings.command.first ?? "", loadReplaces: settings.isExclusive,
            active: serving?.load.digest, resident: children.map(\.load.digest))
    }

    func look() async throws(ServerFault) -> ServerLook {
        guard let serving else { return ServerLook(report: HandoffReport()) }
        if let end = serving.process?.end {
            throw .gone("the process that served ended: \(end); \(serving.lastLine)")
        }
        guard try await isWell(serving) else {
            throw .silent("\(health(of: serving)) does not answer well")
        }
        return ServerLook(
            report: HandoffReport(active: serving.load.digest), resident: Set(children.map(\.load.digest))
        )
    }

    private func health(of child: Child) -> String { template(for: child).filled(settings.health) }

    private func isWell(_ child: Child) async throws(ServerFault) -> Bool {
        guard child.process?.end == nil else { return false }
        do throws(ServerFault) {
            return try await calls.isWell(health(of: child))
        } catch {
            if case .ending = error { throw error }
            return false
        }
    }

    private func template(for child: Child) -> Template {
        Template(model).with("path", child.load.path).with("port", String(child.port))
            .with("digest", child.load.digest.hex).with("variant", child.load.variant.text)
            .with("version", child.load.tag?.text ?? child.load.digest.short)
    }

    // MARK: Children

    private func start(_ load: HandoffLoad) async throws(ServerFault) -> Child {
        let taken = children.map(\.port)
        let free =
            settings.ports.isEmpty ? FreePort.find() : settings.ports.first { !taken.contains($0) }
        guard let port = free else {
            throw .refused(HandoffFailure(.busy, "all ports of the configuration are in use"))
        }
        let child = Child(load, port: port)
        let template = template(for: child)
        var command = ChildProcess.Command(settings.command.map { template.filled($0) })
        command.environment = settings.environment.mapValues { template.filled($0) }
        command.folder = settings.folder.map { template.filled($0) }
        do throws(LoopError) {
            child.process = try ChildProcess(
                command, onLine: { [weak self, weak child] _, line in self?.take(line, from: child) },
                onEnd: { [weak self, weak child] end in self?.ended(child, end) })
        } catch {
            throw .refused(HandoffFailure(.internal, plainText("\(error)"), isRetryable: true))
        }
        children.append(child)
        if let process = child.process { await orphans.add(process.processID) }
        return child
    }

    private func take(_ line: String, from child: Child?) {
        child?.lastLine = line
        onLine(line)
    }

    private func ended(_ child: Child?, _ end: ChildProcess.End) {
        guard let child, let process = child.process else { return }
        orphans.remove(process.processID)
        children.removeAll { $0 === child }
        child.endBell.ring()
        guard child === serving else { return }
        // Often and soon: it is started again later and later.
        let isYoung = Clock.now() < child.startedAt + .seconds(Limits.adapterYoungSeconds)
        deathCount = isYoung ? deathCount + 1 : 1
        let doublings = min(deathCount - 1, 16)
        startAgainAt =
            Clock.now()
            + .milliseconds(
                min(Limits.adapterRestartMillisecondsMax, Limits.adapterRetryMillisecondsMin << doublings))
        onNews?()
    }

    /// Asks it to end, then makes it.
    private func stop(_ child: Child) async {
        if serving === child { serving = nil }
        guard let process = child.process, process.end == nil else {
            children.removeAll { $0 === child }
            return
        }
        process.signal(SIGTERM)
        let deadline = Clock.now() + settings.stop
        while process.end == nil, Clock.now() < deadline {
            await child.endBell.wait(atMost: deadline - Clock.now())
        }
        process.signal(SIGKILL, wholeGroup: true)
        while process.end == nil { await child.endBell.wait(atMost: .milliseconds(100)) }
        children.removeAll { $0 === child }
    }

    private func waitHealthy(_ child: Child, until deadline: Instant, _ step: ServerStep)
        async throws(ServerFault)
    {
        while true {
            if let end = child.process?.end {
                throw .refused(
                    HandoffFailure(.loadFailed, plainText("its process ended: \(end); \(child.lastLine)")))
            }
            if try await isWell(child) { return }
            if step.isCalledOff { throw .refused(ServerStep.cancelled) }
            guard Clock.now() < deadline else {
                throw .refused(
                    HandoffFailure(.deadlineExceeded, "\(health(of: child)) did not answer well in time"))
            }
            await pause(.milliseconds(Limits.adapterPollMilliseconds))
        }
    }

    // MARK: Steps

    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount? {
        if settings.isExclusive {
            try await replace(with: load, step)
        } else if !children.contains(where: { $0.load.digest == load.digest }) {
            _ = try await begin(load, step)
        }
        return nil
    }

    /// A process that can serve; none is left if it does not come to that.
    private func begin(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> Child {
        let child = try await start(load)
        do throws(ServerFault) {
            try await waitHealthy(child, until: Clock.now() + load.deadline, step)
        } catch {
            await stop(child)
            throw error
        }
        return child
    }

    private func replace(with load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) {
        let before = serving?.load
        if let serving { await stop(serving) }
        do throws(ServerFault) {
            _ = try await place.offer(load)
            try await put(load, step)
        } catch {
            if case .ending = error { throw error }
            await place.giveUp()
            if let before { try? await put(before, ServerStep(nil)) }
            throw error
        }
        await keep(load)
    }

    /// It serves, whether that can be written down or not; the next agent starts what it serves anew anyhow.
    private func keep(_ load: HandoffLoad) async { try? await place.keep(load.digest) }

    /// Where nothing serves: starts a process, and moves requests to it.
    private func put(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) {
        let child = try await begin(load, step)
        do throws(ServerFault) {
            try await runSwitch(to: child, within: load.deadline)
        } catch {
            await stop(child)
            throw error
        }
        serving = child
    }

    func activate(_ switching: ServerSwitch) async throws(ServerFault) {
        guard serving?.load.digest != switching.digest else { return }
        guard serving?.load.digest == switching.expected else {
            throw .refused(
                HandoffFailure(.conflict, "another version serves", active: serving?.load.digest))
        }
        guard let child = children.first(where: { $0.load.digest == switching.digest }),
            child.process?.end == nil
        else {
            throw .refused(HandoffFailure(.notResident, "its process does not run"))
        }
        do throws(ServerFault) {
            _ = try await place.offer(child.load)
            try await runSwitch(to: child, within: switching.deadline)
        } catch {
            if case .ending = error { throw error }
            await place.giveUp()
            // It may have moved some of the requests before it failed.
            if let serving { try? await runSwitch(to: serving, within: switching.deadline) }
            throw error
        }
        serving = child
        await keep(child.load)
    }

    private func runSwitch(to child: Child, within deadline: Duration) async throws(ServerFault) {
        guard !settings.switchCommand.isEmpty else { return }
        let template = template(for: child)
        var command = ChildProcess.Command(settings.switchCommand.map { template.filled($0) })
        command.environment = settings.environment.mapValues { template.filled($0) }
        let outcome: CommandRunner.Outcome
        do throws(ServerFault) {
            outcome = try await runner.run(command, within: deadline)
        } catch {
            guard case .silent(let words) = error else { throw error }
            throw .silent("switch: \(words)")
        }
        // How traffic is moved is the operator's, and says nothing about the version.
        guard outcome.isSuccess else { throw .silent("switch: \(outcome.words)") }
    }

    func release(_ digest: Digest) async throws(ServerFault) -> Bool {
        guard let child = children.first(where: { $0.load.digest == digest }) else { return true }
        guard child !== serving else {
            throw .refused(HandoffFailure(.conflict, "it serves", active: digest))
        }
        await stop(child)
        return true
    }

    func withdraw(_ digest: Digest) async { try? await place.fallBack(from: digest) }

    func willEnd() { runner.close() }

    /// All at once: each has its time, together they take no longer than one.
    func end() async {
        let left = children
        for child in left { child.process?.signal(SIGTERM) }
        for child in left { await stop(child) }
    }
}
