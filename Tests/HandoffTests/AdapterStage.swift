import EventLoop
import Foundation
import Glibc
import Handoff
import Manifest
import Testing
import Units

/// An agent's folder with versions of one model, the router on it, and what it tells.
@LoopActor final class Stage {
    nonisolated static let model: ModelName = {
        guard let model = ModelName("acme/words") else { preconditionFailure("a name of a model") }
        return model
    }()

    let state: String
    let events = Inbox<HandoffEvent>()
    private(set) var router: HandoffRouter?
    private(set) var notes: [String] = []

    init() throws {
        state = NSTemporaryDirectory() + "/shoal-stage-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        for folder in ["handoff/links", "handoff/books"] { try Self.makeFolder("\(state)/\(folder)") }
        for digest in [one, two, three] { try Self.makeFolder(path(digest)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: state) }

    static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func path(_ digest: Digest) -> String { "\(state)/models/acme/words/versions/\(digest)/default" }
    nonisolated var link: String { "\(state)/handoff/links/acme@words" }

    /// Starts an agent, as far as the hand-off goes.
    func open(_ kind: AdapterKind, lease: Duration = .milliseconds(900)) throws {
        var settings = HandoffSettings()
        settings.lease = lease
        let router = try HandoffRouter(
            path: "\(state)/handoff/handoff.sock", allow: HandoffRule.defaults(agentUserID: getuid()),
            adapters: [AdapterRule(models: [.all], kind: kind)],
            in: .init(statePath: state) { _, work in Task { @LoopActor in await work() } }, settings: settings
        ) { [events, weak self] event in
            if case .noted(_, let words) = event { self?.notes.append(words) } else { events.add(event) }
        }
        self.router = router
        router.open(Self.model)
    }

    func close() async {
        await router?.close()
        router = nil
    }

    // MARK: What a rollout does

    func attached(within time: Duration = .seconds(10)) async throws -> (HandoffInstance, HandoffHello) {
        while true {
            let event = try await events.next(within: time)
            if case .attached(let instance, let hello) = event { return (instance, hello) }
            // What was said before it went.
            guard case .reported = event else { throw Unexpected(what: "\(event) instead of attached") }
        }
    }

    /// The next event that is no report.
    func step() async throws -> HandoffEvent {
        while true {
            let event = try await events.next()
            if case .reported = event { continue }
            return event
        }
    }

    /// Loads a version and switches to it.
    func serve(_ digest: Digest, on instance: HandoffInstance, insteadOf old: Digest?) async throws {
        load(digest, on: instance)
        #expect(try await step() == .loaded(instance, digest, memory: nil))
        let hello = try #require(router?.instances.first { $0.instance == instance }?.hello)
        guard !hello.loadReplaces else { return }
        router?.activate(instance, digest, tag: nil, expecting: old)
        #expect(try await step() == .activated(instance, digest))
        if let old { #expect(try await step() == .drained(instance, old)) }
    }

    func load(_ digest: Digest, on instance: HandoffInstance) {
        router?.load(instance, HandoffLoad(digest: digest, tag: nil, path: path(digest), deadline: .seconds(5)))
    }

    /// Asks again and again, for ten seconds.
    func until(_ what: String, _ isSo: @LoopActor () -> Bool) async throws {
        let deadline = Clock.now() + .seconds(10)
        while !isSo() {
            guard Clock.now() < deadline else { throw Unexpected(what: "not in 10 s: \(what)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func expectReport(of digest: Digest?) async throws {
        while true {
            guard case .reported(_, let report) = try await events.next() else { continue }
            if report.active == digest { return }
        }
    }
}

let three = Digest(exactly: Array(repeating: 0x33, count: 32))

/// The version that a link leads to.
func linked(_ path: String) -> Digest? {
    guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path) else { return nil }
    let parts = target.split(separator: "/")
    return parts.count > 1 ? Digest(hex: parts[parts.count - 2]) : nil
}

/// The highest number in a folder that a server takes for a version.
func highestNumber(in folder: String) -> Int? {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.compactMap { Int($0) }.max()
}
