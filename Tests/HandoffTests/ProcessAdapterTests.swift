import EventLoop
import Foundation
import Glibc
import Handoff
import Testing
import Units

/// Processes are a script of Python's, which answers on `/health` and dies of a version that is broken.
@Suite(.serialized) struct ProcessAdapterTests {
    private static let program = """
        import http.server, os, sys
        folder, path, port = sys.argv[1:4]
        if os.path.basename(os.path.dirname(path)) in open(folder + "/broken").read():
            sys.exit("the files are broken")
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.end_headers()
            def log_message(self, *_):
                pass
        server = http.server.HTTPServer(("127.0.0.1", int(port)), Handler)
        open(folder + "/pid-" + os.path.basename(os.path.dirname(path)), "w").write(str(os.getpid()))
        server.serve_forever()
        """

    @LoopActor private func settings(_ stage: Stage, isExclusive: Bool = false) throws
        -> ProcessServer
    {
        try Self.write(Self.program, "\(stage.state)/server.py")
        try Self.write("", "\(stage.state)/broken")
        var server = ProcessServer(
            command: ["python3", "\(stage.state)/server.py", stage.state, "{path}", "{port}"],
            health: "http://127.0.0.1:{port}/health")
        server.switchCommand = ["/bin/sh", "-c", "echo {digest} {port} > '\(stage.state)/switched'"]
        server.drain = .milliseconds(50)
        server.stop = .seconds(2)
        server.isExclusive = isExclusive
        return server
    }

    private static func write(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private static func read(_ path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }

    /// The process of a version, if it runs.
    @LoopActor private func process(of digest: Digest, _ stage: Stage) -> Int32? {
        guard let process = Int32(Self.read("\(stage.state)/pid-\(digest)")), kill(process, 0) == 0
        else { return nil }
        return process
    }

    @LoopActor private func switched(_ stage: Stage) -> Digest? {
        Digest(hex: Self.read("\(stage.state)/switched").prefix(64))
    }

    @Test @LoopActor func theNewProcessStandsBesideTheOldOneUntilThatIsReleased() async throws {
        let stage = try Stage()
        try stage.open(.process(settings(stage)))
        let (instance, hello) = try await stage.attached()
        #expect(hello.active == nil && !hello.loadReplaces)
        try await stage.serve(one, on: instance, insteadOf: nil)
        #expect(switched(stage) == one && linked(stage.link) == one)
        try await stage.serve(two, on: instance, insteadOf: one)
        #expect(switched(stage) == two && linked(stage.link) == two)
        #expect(process(of: one, stage) != nil && process(of: two, stage) != nil)
        stage.router?.release(instance, one)
        #expect(try await stage.step() == .released(instance, one))
        #expect(process(of: one, stage) == nil && process(of: two, stage) != nil)
        await stage.close()
        #expect(process(of: two, stage) == nil)
    }

    @Test @LoopActor func aProcessThatDoesNotComeUpLeavesTheOldOneServing() async throws {
        let stage = try Stage()
        try stage.open(.process(settings(stage)))
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        try Self.write(two.hex, "\(stage.state)/broken")
        stage.load(two, on: instance)
        guard case .loadFailed(instance, two, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.message.contains("the files are broken") && !failure.isRetryable, "\(failure)")
        #expect(process(of: one, stage) != nil && switched(stage) == one)
        await stage.close()
    }

    @Test @LoopActor func whereThereIsRoomForOneTheOldOneIsStartedAgain() async throws {
        let stage = try Stage()
        try stage.open(.process(settings(stage, isExclusive: true)))
        let (instance, hello) = try await stage.attached()
        #expect(hello.loadReplaces)
        try await stage.serve(one, on: instance, insteadOf: nil)
        try await stage.serve(two, on: instance, insteadOf: one)
        #expect(
            process(of: one, stage) == nil && process(of: two, stage) != nil && switched(stage) == two)
        try Self.write(three.hex, "\(stage.state)/broken")
        stage.load(three, on: instance)
        guard case .loadFailed(instance, three, _) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(process(of: two, stage) != nil && switched(stage) == two && linked(stage.link) == two)
        try await stage.expectReport(of: two)
        await stage.close()
    }

    @Test @LoopActor func aProcessThatDiesIsToldOfAtOnceAndStartedAgain() async throws {
        let stage = try Stage()
        try stage.open(.process(settings(stage)), lease: .seconds(60))
        let (instance, _) = try await stage.attached()
        try await stage.serve(one, on: instance, insteadOf: nil)
        let serving = try #require(self.process(of: one, stage))
        kill(serving, SIGKILL)
        guard case .detached(instance, inOrder: false, let reason) = try await stage.step() else {
            throw Unexpected(what: "no detached")
        }
        #expect(reason.contains("signal 9"))
        let (next, hello) = try await stage.attached()
        #expect(hello.active == nil)
        try await stage.serve(one, on: next, insteadOf: nil)
        await stage.close()
    }

    @Test @LoopActor func whatAnAgentThatWasKilledLeftIsEnded() async throws {
        let stage = try Stage()
        let settings = try settings(stage)
        // As an agent would have left it: running, and written down.
        let ended = Inbox<ChildProcess.End>()
        let orphan = try ChildProcess(
            .init(["sleep", "60"]), onLine: { _, _ in }, onEnd: { ended.add($0) })
        let fields =
            Self.read("/proc/\(orphan.processID)/stat").split(separator: ")").last?.split(separator: " ")
            ?? []
        let start = try #require(fields.count > 19 ? String(fields[19]) : nil)
        let book = "\(stage.state)/handoff/books/acme@words.process-"
        #expect(unsafe symlink(start, "\(book)\(orphan.processID)") == 0)
        // A stranger with the number of one that ended long ago.
        #expect(unsafe symlink("1", "\(book)\(getpid())") == 0)
        try stage.open(.process(settings))
        _ = try await stage.attached()
        #expect(try await ended.next() == .killed(signal: Int(SIGTERM)))
        await stage.close()
    }
}
