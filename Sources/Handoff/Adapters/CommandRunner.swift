import EventLoop
import Glibc
import Units

/// Runs commands of the operator's, one at a time, each from its start to its end or its deadline.
@LoopActor final class CommandRunner {
    /// What came of one.
    struct Outcome: Sendable {
        let end: ChildProcess.End
        /// The first line of its output.
        let firstLine: String?
        /// The last line of its errors, which mostly says what is wrong.
        let lastError: String?
        let isLate: Bool

        var isSuccess: Bool { end == .exited(status: 0) && !isLate }

        /// Why it failed, for people.
        var words: String {
            [lastError ?? firstLine, "\(end)"].compactMap(\.self).joined(separator: "; ")
        }
    }

    private let onLine: @LoopActor (String) -> Void
    private var run: CommandRun?
    private var isClosed = false

    /// - Parameter onLine: each line that a command writes, but for the first of its output.
    init(onLine: @escaping @LoopActor (String) -> Void) { self.onLine = onLine }

    /// One that takes too long is ended, with all that it started.
    /// - Throws: `.silent` if it cannot be started, `.ending` once the agent ends.
    func run(_ command: ChildProcess.Command, within deadline: Duration) async throws(ServerFault)
        -> Outcome
    {
        guard !isClosed else { throw .ending }
        let result = await withCheckedContinuation { continuation in
            let run = CommandRun(continuation, onLine)
            self.run = run
            run.start(command, within: deadline)
        }
        run = nil
        guard !isClosed else { throw .ending }
        do throws(LoopError) {
            return try result.get()
        } catch {
            throw .silent("\(error)")
        }
    }

    /// The agent ends: what runs is ended, nothing more is run.
    func close() {
        isClosed = true
        run?.end()
    }
}

/// One run.
@LoopActor private final class CommandRun {
    typealias Answer = Result<CommandRunner.Outcome, LoopError>
    private var answer: CheckedContinuation<Answer, Never>?
    private let onLine: @LoopActor (String) -> Void
    private var firstLine: String?
    private var lastError: String?
    private var isLate = false
    private var child: ChildProcess?
    private var timer: LoopTimer?

    init(
        _ answer: CheckedContinuation<Answer, Never>, _ onLine: @escaping @LoopActor (String) -> Void
    ) {
        self.answer = answer
        self.onLine = onLine
    }

    func start(_ command: ChildProcess.Command, within deadline: Duration) {
        do throws(LoopError) {
            child = try ChildProcess(
                command, onLine: { stream, line in self.take(line, from: stream) },
                onEnd: { self.ended($0) })
        } catch {
            answer?.resume(returning: .failure(error))
            answer = nil
            return
        }
        let timer = LoopTimer { [weak self] in
            self?.isLate = true
            self?.end()
        }
        timer.start(after: max(.milliseconds(1), deadline))
        self.timer = timer
    }

    func end() { child?.signal(SIGKILL, wholeGroup: true) }

    private func take(_ line: String, from stream: ChildProcess.Stream) {
        if stream == .output, firstLine == nil {
            firstLine = line
        } else {
            if stream == .errors { lastError = line }
            onLine(line)
        }
    }

    private func ended(_ end: ChildProcess.End) {
        timer?.close()
        child = nil
        answer?.resume(
            returning: .success(
                .init(end: end, firstLine: firstLine, lastError: lastError, isLate: isLate)))
        answer = nil
    }
}
