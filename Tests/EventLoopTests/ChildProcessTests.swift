import EventLoop
import Glibc
import Testing
import Units

@Suite struct ChildProcessTests {
    /// Runs a command to its end; what it wrote, a line each, and how it ended.
    @LoopActor private func run(
        _ command: ChildProcess.Command, _ started: (ChildProcess) -> Void = { _ in }
    ) async throws -> (lines: [String], end: ChildProcess.End) {
        var lines: [String] = []
        let ended = Promise<ChildProcess.End>()
        let child = try ChildProcess(
            command, onLine: { stream, line in lines.append("\(stream): \(line)") }, onEnd: { ended.fulfil($0) })
        started(child)
        let end = try await ended.get()
        return (lines, end)
    }

    private func shell(_ script: String) -> ChildProcess.Command { .init(["/bin/sh", "-c", script]) }

    @Test @LoopActor func outputAndErrorsComeInLinesBeforeTheEnd() async throws {
        let (lines, end) = try await run(shell("echo one; echo two >&2; printf three; exit 7"))
        #expect(Set(lines) == ["output: one", "errors: two", "output: three"])
        #expect(end == .exited(status: 7))
    }

    @Test @LoopActor func aProgramIsLookedUpInThePath() async throws {
        #expect(try await run(.init(["true"])).end == .exited(status: 0))
    }

    @Test @LoopActor func theEnvironmentIsThisOneWithMoreOnTop() async throws {
        var command = shell("echo $HOME-less $ADDED; pwd")
        command.environment = ["HOME": "no", "ADDED": "a b"]
        command.folder = "/usr"
        let (lines, _) = try await run(command)
        #expect(lines == ["output: no-less a b", "output: /usr"])
        #expect(try await run(shell("test -n \"$PATH\"")).end == .exited(status: 0))
    }

    @Test(arguments: [["/no/such/program"], ["/usr"], ["no-such-program-anywhere"]])
    @LoopActor func whatCannotBeStartedThrows(_ arguments: [String]) async throws {
        #expect(throws: LoopError.self) {
            _ = try ChildProcess(.init(arguments), onLine: { _, _ in }, onEnd: { _ in })
        }
    }

    @Test @LoopActor func aSignalEndsIt() async throws {
        let (_, end) = try await run(shell("sleep 60")) { $0.signal(SIGTERM, wholeGroup: true) }
        #expect(end == .killed(signal: Int(SIGTERM)))
    }

    @Test @LoopActor func theWholeGroupEndsWithIt() async throws {
        var child: ChildProcess?
        var lines: [String] = []
        let ended = Promise<ChildProcess.End>()
        child = try ChildProcess(
            shell("sleep 60 & echo $!; wait"),
            onLine: { _, line in
                lines.append(line)
                child?.signal(SIGKILL, wholeGroup: true)
            }, onEnd: { ended.fulfil($0) })
        #expect(try await ended.get() == .killed(signal: Int(SIGKILL)))
        let grandchild = try #require(lines.first.flatMap { Int32($0) })
        var tries = 0
        while kill(grandchild, 0) == 0, tries < 100 {
            try await Task.sleep(for: .milliseconds(20))
            tries += 1
            // Its new parent may not have reaped it.
            if Self.isZombie(grandchild) { break }
        }
        #expect(tries < 100)
    }

    private static func isZombie(_ process: Int32) -> Bool {
        guard let file = unsafe fopen("/proc/\(process)/stat", "r") else { return true }
        defer { unsafe _ = fclose(file) }
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe fgets(&buffer, 256, file) != nil else { return true }
        return String(decoding: buffer.map { UInt8(bitPattern: $0) }, as: UTF8.self).contains(") Z ")
    }

    @Test @LoopActor func aGrandchildThatKeepsTheOutputDoesNotHoldUpTheEnd() async throws {
        let start = Clock.now()
        let (lines, end) = try await run(shell("sleep 5 & echo done"))
        #expect(end == .exited(status: 0) && lines == ["output: done"])
        #expect(Clock.now() - start < .seconds(4))
    }

    @Test @LoopActor func aLongLineIsCut() async throws {
        let count = Limits.childLineByteCountMax
        let (lines, _) = try await run(shell("head -c \(count + 100) /dev/zero | tr '\\0' a; echo; echo next"))
        #expect(lines.map(\.utf8.count) == [count + 8, 12])
    }

    @Test @LoopActor func oneThatNobodyHoldsIsReapedAllTheSame() async throws {
        let ended = Promise<ChildProcess.End>()
        let number = try ChildProcess(shell("exit 3"), onLine: { _, _ in }, onEnd: { ended.fulfil($0) }).processID
        #expect(try await ended.get() == .exited(status: 3))
        var status: Int32 = 0
        #expect(unsafe waitpid(number, &status, WNOHANG) == -1 && errno == ECHILD)
    }
}
