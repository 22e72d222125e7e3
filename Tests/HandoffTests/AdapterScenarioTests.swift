import EventLoop
import Glibc
import HTTPTesting
import Handoff
import Manifest
import Testing
import Units

/// A server behind an adapter, as its contract describes it, and what a test may do to it.
@LoopActor protocol FakeModelServer: AnyObject {
    var kind: AdapterKind { get }
    /// By the server's own word.
    var served: Digest? { get }
    /// Cannot be loaded.
    var broken: Set<Digest> { get set }
    /// What it would start with.
    var found: Digest? { get }
    func die()
    func comeBack() throws
}

extension FakeModelServer {
    /// One that reads no place starts with what it had.
    var found: Digest? { served }
}

/// The same scenarios for every adapter.
@Suite(.serialized) struct AdapterScenarioTests {
    enum Adapter: CaseIterable, Sendable {
        case v2, v2Numbered, versionDirectory, http, exec

        /// A command never dies.
        static let mortal: [Adapter] = [.v2, .v2Numbered, .versionDirectory, .http]
        /// What starts with whatever its place leads to.
        static let reading: [Adapter] = [.v2, .v2Numbered, .versionDirectory]
    }

    @LoopActor private func make(_ adapter: Adapter, on stage: Stage) throws -> any FakeModelServer {
        switch adapter {
        case .v2: try FakeRepository(stage, .link)
        case .v2Numbered: try FakeRepository(stage, .numbered)
        case .versionDirectory: try FakeVersionFolder(stage)
        case .http: try FakeMessageServer(stage)
        case .exec: try FakeCommand(stage)
        }
    }

    @Test(arguments: Adapter.allCases)
    @LoopActor func aVersionIsLoadedAndServesAndTheNextTakesItsPlace(_ adapter: Adapter) async throws {
        let stage = try Stage()
        let server = try make(adapter, on: stage)
        try stage.open(server.kind)
        let (instance, hello) = try await stage.attached()
        #expect(hello.active == nil && hello.model == Stage.model && hello.canLoadBeside)
        try await stage.serve(one, on: instance, insteadOf: nil)
        #expect(server.served == one)
        try await stage.serve(two, on: instance, insteadOf: one)
        #expect(server.served == two)
        try await stage.serve(one, on: instance, insteadOf: two)
        #expect(server.served == one)
        try await stage.expectReport(of: one)
        await stage.close()
        server.die()
    }

    @Test(arguments: Adapter.allCases)
    @LoopActor func aFailedLoadLeavesTheOldVersionServing(_ adapter: Adapter) async throws {
        let stage = try Stage()
        let server = try make(adapter, on: stage)
        server.broken = [three]
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        stage.load(three, on: instance)
        guard case .loadFailed(instance, three, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.message.contains("broken") && !failure.isRetryable, "\(failure)")
        #expect(server.served == one)
        try await stage.expectReport(of: one)
        try await stage.serve(two, on: instance, insteadOf: one)
        #expect(server.served == two)
        await stage.close()
        server.die()
    }

    @Test(arguments: Adapter.allCases)
    @LoopActor func anAgentThatComesBackFindsWhatServes(_ adapter: Adapter) async throws {
        let stage = try Stage()
        let server = try make(adapter, on: stage)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        await stage.close()
        try stage.open(server.kind)
        let (next, hello) = try await stage.attached()
        #expect(hello.active == one)
        try await stage.serve(two, on: next, insteadOf: one)
        #expect(server.served == two)
        await stage.close()
        server.die()
    }

    @Test(arguments: Adapter.mortal)
    @LoopActor func aServerThatDiesIsGoneAfterItsLeaseAndServesTheSameWhenItComesBack(
        _ adapter: Adapter
    ) async throws {
        let stage = try Stage()
        let server = try make(adapter, on: stage)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        try await stage.serve(two, on: instance, insteadOf: one)
        server.die()
        guard case .detached(instance, inOrder: false, _) = try await stage.step() else {
            throw Unexpected(what: "no detached")
        }
        #expect(stage.router?.instances.isEmpty == true)
        if adapter != .http { #expect(stage.router?.held.contains(two) == true) }
        try server.comeBack()
        let (next, hello) = try await stage.attached()
        #expect(next > instance && hello.active == two)
        await stage.close()
        server.die()
    }

    @Test(arguments: Adapter.reading)
    @LoopActor func aVersionThatTookItsServerDownIsNotWhatItStartsWith(_ adapter: Adapter) async throws {
        let stage = try Stage()
        let server = try make(adapter, on: stage)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        try await stage.serve(two, on: instance, insteadOf: one)
        server.die()
        guard case .detached(instance, inOrder: false, _) = try await stage.step() else {
            throw Unexpected(what: "no detached")
        }
        stage.router?.withdraw(two, of: Stage.model)
        try await stage.until("the place leads back") { server.found == one }
        try server.comeBack()
        let (_, hello) = try await stage.attached()
        #expect(hello.active == one && server.served == one)
        await stage.close()
        server.die()
    }
}

/// A server with the repository API, which reads the link, or the highest number in its folder.
@LoopActor final class FakeRepository: FakeModelServer {
    private(set) var served: Digest?
    var broken: Set<Digest> = []
    /// Takes the server down when it is loaded.
    var deadly: Digest?
    /// Loads are answered by nothing, and done when the test says so.
    var isSlow = false
    private(set) var loadCount = 0
    private var server: FakeHTTPServer?
    private let layout: RepositoryServer.Layout
    private let path: String

    init(_ stage: Stage, _ layout: RepositoryServer.Layout) throws {
        self.layout = layout
        path = layout == .link ? stage.link : stage.state + "/repository"
        if layout == .numbered { try Stage.makeFolder(path) }
        server = try FakeHTTPServer { [weak self] asked in self?.reply(asked) ?? .silence }
    }

    var kind: AdapterKind {
        .v2(RepositoryServer(url: server?.url ?? "", layout: layout, path: layout == .link ? nil : path))
    }

    var found: Digest? {
        guard layout == .numbered else { return linked(path) }
        return highestNumber(in: path).flatMap { linked("\(path)/\($0)") }
    }

    private func reply(_ asked: Asked) -> FakeHTTPServer.Reply {
        switch (asked.method, asked.path) {
        case ("GET", "/v2/health/live"): .answer(200, [])
        case ("GET", "/v2/models/words/ready"): .answer(served == nil ? 400 : 200, [])
        case ("POST", "/v2/repository/models/words/load"): load()
        default: .answer(404, [])
        }
    }

    private func load() -> FakeHTTPServer.Reply {
        loadCount += 1
        if isSlow { return .silence }
        if deadly != nil, found == deadly {
            die()
            return .silence
        }
        guard let found, !broken.contains(found) else {
            return .answer(500, Array(#"{"error":"the files are broken"}"#.utf8))
        }
        served = found
        return .answer(200, [])
    }

    /// As after an unload by somebody else.
    func forget() { served = nil }

    /// The end of a load whose answer nobody waits for any more.
    func finishSlowLoad() { served = found }

    func die() {
        server?.close()
        served = nil
    }

    func comeBack() throws {
        served = found.flatMap { broken.contains($0) ? nil : $0 }
        try server?.open()
    }
}
