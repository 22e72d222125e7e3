import EventLoop
import Glibc
import Testing
import Units

@Suite struct ThreadPoolTests {
    @Test @LoopActor func workRunsOffTheLoopAndThenRunsOnIt() async throws {
        let loop = Thread.current
        let done = Promise<[UInt]>()
        ThreadPool.run({ Thread.current }, then: { done.fulfil([$0, Thread.current]) })
        let threads = try await done.get()
        #expect(threads[0] != loop)
        #expect(threads[1] == loop)
    }

    @Test func workFromAnywhereGivesItsResultAndItsError() async throws {
        #expect(try await ThreadPool.run { 6 * 7 } == 42)
        await #expect(throws: Broken.self) { try await ThreadPool.run { throw Broken() } }
    }

    @Test func manyJobsAllFinish() async throws {
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<500 { group.addTask { try await ThreadPool.run { number } } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 500 * 499 / 2)
    }

    private struct Broken: Error {}
}

/// Of the thread that asks, as Linux has it.
private func niceness() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

/// Its first bytes; empty if it cannot be read.
private func textOfFile(_ path: String) -> String {
    let file = unsafe open(path, O_RDONLY)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16_384)
    let count = unsafe read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}

/// The kernel's version, its first two numbers.
private func kernel() -> (Int, Int) {
    let numbers = textOfFile("/proc/sys/kernel/osrelease").split(separator: ".").prefix(2).map { Int($0) ?? 0 }
    return numbers.count == 2 ? (numbers[0], numbers[1]) : (0, 0)
}

@Suite struct QuietThreadTests {
    @Test func workRunsAtALowerPriorityAndThePoolKeepsItsOwn() async throws {
        let ours = try await ThreadPool.run { niceness() }
        #expect(await QuietThread.run { niceness() } == min(ours + Limits.quietNiceness, 19))
        #expect(try await ThreadPool.run { niceness() } == ours)
    }

    @Test(.enabled("Linux before 6.12 lets nobody choose a slice") { kernel() >= (6, 12) })
    func itsSliceIsLongerWhereTheKernelTellsSlices() async throws {
        let told = await QuietThread.run { textOfFile("/proc/thread-self/sched") }
        let line = told.split(separator: "\n").first { $0.hasPrefix("se.slice") }
        guard let line, let slice = line.split(separator: " ").last.flatMap({ Int($0) }) else { return }
        #expect(slice == 20_000_000)
    }

    @Test func manyJobsAllFinish() async {
        let sum = await withTaskGroup(of: Int.self) { group in
            for number in 0..<100 { group.addTask { await QuietThread.run { number } } }
            return await group.reduce(0, +)
        }
        #expect(sum == 100 * 99 / 2)
    }
}

@Suite struct SignalWatcherTests {
    @Test @LoopActor func aWatchedSignalCallsBack() async throws {
        let arrived = Promise<Bool>()
        let watcher = try SignalWatcher(SIGUSR2) { arrived.fulfil(true) }
        defer { watcher.close() }
        kill(getpid(), SIGUSR2)
        #expect(try await arrived.get())
    }

    @Test @LoopActor func aSignalThatCannotBeCaughtIsRefused() {
        let error = #expect(throws: LoopError.self) { try SignalWatcher(SIGKILL) {} }
        #expect(error?.code == .invalid)
    }
}
