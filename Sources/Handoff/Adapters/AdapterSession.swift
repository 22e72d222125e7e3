import EventLoop
import Units

/// One server behind an adapter, told of as if it were a process that had connected.
///
/// apart ──greeting──▶ attached ──silent for the lease, or ended──▶ apart …; closed at any time.
///
/// One thing at a time: commands wait in `queue` while a step or a look is under way, and events come from `run` alone.
@LoopActor final class AdapterSession {
    /// What the loop of `run` takes from the queue.
    private enum Item {
        case command(HandoffCommand)
        case tell(HandoffEvent)
    }

    /// While it is attached.
    struct Attachment {
        let instance: HandoffInstance
        let hello: HandoffHello
        var report: HandoffReport
    }

    let model: ModelName
    private(set) var attachment: Attachment?
    private let server: any ServerAdapter
    private let lease: Duration
    private let numbers: HandoffNumbers
    private let onEvent: @LoopActor (HandoffEvent) -> Void
    private var queue: [Item] = []
    private var step: ServerStep?
    private var lastHeard = Clock.now()
    private var lookAt = Clock.now()
    /// What served before, and when its last request is taken to have ended.
    private var draining: [(digest: Digest, until: Instant)] = []
    /// What the server was told to let go of, and has not yet.
    private var releasing: Set<Digest> = []
    private var withdrawn: [Digest] = []
    private var lastTrouble = ""
    private let bell = Bell()
    private let endBell = Bell()
    private var isRunning = false
    private var isClosed = false

    init(
        _ server: any ServerAdapter, model: ModelName, lease: Duration, numbers: HandoffNumbers,
        onEvent: @escaping @LoopActor (HandoffEvent) -> Void
    ) {
        self.server = server
        self.model = model
        self.lease = lease
        self.numbers = numbers
        self.onEvent = onEvent
        server.onNews = { [weak self] in self?.lookSoon() }
    }

    /// Versions whose files must stay.
    var held: Set<Digest> {
        guard let attachment else { return server.named }
        return server.named.union(attachment.hello.resident + [attachment.report.active].compactMap(\.self))
    }

    // MARK: Commands

    /// Takes a command for later.
    func ask(_ command: HandoffCommand) {
        guard let attachment, queue.count < Limits.handoffOutstandingCountMax else { return }
        if case .release(let digest) = command {
            if step?.digest == digest { step?.callOff() }
            callOffWaitingLoads(of: digest, attachment.instance)
        }
        queue.append(.command(command))
        bell.ring()
    }

    private func callOffWaitingLoads(of digest: Digest, _ instance: HandoffInstance) {
        for index in queue.indices {
            guard case .command(.load(let load)) = queue[index], load.digest == digest else { continue }
            queue[index] = .tell(.loadFailed(instance, digest, ServerStep.cancelled))
        }
    }

    /// A version failed: a server that is away must not start with it.
    func withdraw(_ digest: Digest) {
        guard attachment == nil, withdrawn.count < Limits.handoffResidentCountMax else { return }
        withdrawn.append(digest)
        bell.ring()
    }

    private func lookSoon() {
        lookAt = Clock.now()
        bell.ring()
    }

    // MARK: Life

    /// Serves until `close()`.
    func run() async {
        isRunning = true
        var failureCount = 0
        while !isClosed {
            while !withdrawn.isEmpty { await server.withdraw(withdrawn.removeFirst()) }
            if await attach() {
                failureCount = 0
                await serve()
            } else {
                failureCount += 1
                await bell.wait(atMost: Self.delay(afterFailures: failureCount))
            }
        }
        await server.end()
        isRunning = false
        endBell.ring()
    }

    /// No event comes after it, and nothing is waited for any longer.
    func willClose() {
        isClosed = true
        step?.callOff()
        server.willEnd()
        bell.ring()
    }

    /// Ends the session, and what belongs to the agent of its server.
    func close() async {
        willClose()
        while isRunning { await endBell.wait(atMost: .seconds(1)) }
    }

    /// 0.1 s, doubling to 5 s, as for a process that connects again.
    private static func delay(afterFailures count: Int) -> Duration {
        .milliseconds(min(Limits.adapterRetryMillisecondsMax, Limits.adapterRetryMillisecondsMin << min(count - 1, 16)))
    }

    private func attach() async -> Bool {
        let greeting: ServerGreeting
        do throws(ServerFault) {
            greeting = try await server.greet()
        } catch {
            note("no answer from the server of \(model): \(error.words)")
            return false
        }
        guard !isClosed else { return true }
        let hello = HandoffHello(
            model: model, name: server.name, runtime: plainText(greeting.runtime, byteCountMax: 128), credentials: nil,
            canLoadBeside: true, canCalibrate: greeting.canCalibrate, loadReplaces: greeting.loadReplaces,
            active: greeting.active, resident: greeting.resident)
        let instance = numbers.next()
        attachment = Attachment(instance: instance, hello: hello, report: HandoffReport(active: greeting.active))
        lastHeard = Clock.now()
        lookAt = lastHeard  // for what a greeting does not say: how its requests have fared so far
        lastTrouble = ""
        withdrawn = []  // whoever is attached is told what to load
        onEvent(.attached(instance, hello))
        return true
    }

    private func detach(_ reason: String) {
        guard let attachment else { return }
        self.attachment = nil
        queue = []
        draining = []
        releasing = []
        onEvent(.detached(attachment.instance, inOrder: false, reason: plainText(reason)))
    }

    private func serve() async {
        while attachment != nil, !isClosed {
            drain()
            let next = draining.map(\.until).reduce(lookAt, min)
            if !queue.isEmpty {
                await take(queue.removeFirst())
            } else if lookAt <= Clock.now() {
                await look()
            } else {
                await bell.wait(atMost: max(.milliseconds(1), next - Clock.now()))
            }
        }
    }

    private func heard() {
        lastHeard = Clock.now()
        lookAt = lastHeard + min(lease / 3, .seconds(Limits.adapterLookSeconds))
    }

    private func look() async {
        do throws(ServerFault) {
            let look = try await server.look()
            heard()
            report(look.report)
            guard let resident = look.resident else { return }
            for digest in releasing.subtracting(resident).sorted() { told(releaseOf: digest) }
        } catch {
            if case .gone(let words) = error { return detach(words) }
            guard Clock.now() < lastHeard + lease else { return detach("no answer for its lease: \(error.words)") }
            lookAt = Clock.now() + min(lease / 10, .seconds(1))
        }
    }

    private func report(_ report: HandoffReport) {
        guard let attachment, !isClosed else { return }
        self.attachment?.report = report
        onEvent(.reported(attachment.instance, report))
    }

    private func drain() {
        let now = Clock.now()
        let done = draining.filter { $0.until <= now }
        draining.removeAll { $0.until <= now }
        for (digest, _) in done { tell { .drained($0, digest) } }
    }

    private func tell(_ event: (HandoffInstance) -> HandoffEvent) {
        guard let attachment, !isClosed else { return }
        onEvent(event(attachment.instance))
    }

    /// For the log, once for each new reason.
    private func note(_ words: String) {
        guard words != lastTrouble, !isClosed else { return }
        lastTrouble = words
        onEvent(.noted(model, plainText(words)))
    }

    // MARK: Steps

    private func take(_ item: Item) async {
        switch item {
        case .tell(let event): tell { _ in event }
        case .command(.load(let load)): await self.load(load)
        case .command(.calibrate(let calibration)): await calibrate(calibration)
        case .command(.activate(let digest, let tag, let expected, let deadline)):
            await activate(ServerSwitch(digest: digest, tag: tag, expected: expected, deadline: deadline))
        case .command(.release(let digest)): await release(digest)
        case .command(.ping): lookAt = Clock.now()
        }
    }

    private func load(_ load: HandoffLoad) async {
        let step = ServerStep(load.digest)
        self.step = step
        defer { self.step = nil }
        do throws(ServerFault) {
            let memory = try await server.load(load, step)
            heard()
            // What it serves is said first: the answer must not find the old one active.
            if attachment?.hello.loadReplaces == true { report(HandoffReport(active: load.digest)) }
            tell { .loaded($0, load.digest, memory: memory) }
        } catch {
            if case .gone(let words) = error { return detach(words) }
            if attachment?.hello.loadReplaces == true { await look() }
            tell { .loadFailed($0, load.digest, error.failure) }
        }
    }

    private func calibrate(_ calibration: HandoffCalibration) async {
        do throws(ServerFault) {
            let report = try await server.calibrate(calibration)
            heard()
            tell { .calibrated($0, calibration.digest, report) }
        } catch {
            if case .gone(let words) = error { return detach(words) }
            tell { .calibrationFailed($0, calibration.digest, error.failure) }
        }
    }

    private func activate(_ switching: ServerSwitch) async {
        let before = attachment?.report.active
        do throws(ServerFault) {
            try await server.activate(switching)
            lastHeard = Clock.now()
            lookAt = lastHeard  // a trial counts from what was before it
            attachment?.report.active = switching.digest
            draining.removeAll { $0.digest == switching.digest }
            tell { .activated($0, switching.digest) }
            guard let before, before != switching.digest else { return }
            draining.append((before, Clock.now() + server.drainTime))
        } catch {
            if case .gone(let words) = error { return detach(words) }
            tell { .activateFailed($0, switching.digest, error.failure) }
        }
    }

    private func release(_ digest: Digest) async {
        releasing.insert(digest)
        do throws(ServerFault) {
            if try await server.release(digest) { told(releaseOf: digest) }
        } catch {
            if case .gone(let words) = error { return detach(words) }
            lookAt = Clock.now()  // what it serves, and holds, decides
        }
    }

    private func told(releaseOf digest: Digest) {
        guard releasing.remove(digest) != nil else { return }
        tell { .released($0, digest) }
    }
}
