import Glibc
import Synchronization

/// Threads that do one thing together, again and again: the caller is the first of them.
///
/// A turn takes some hundred microseconds, so whoever waits spins for a while before it lets others run.
final class Crew: Sendable {
    /// What is to be done in this turn. Written by the caller alone, while all others wait for the turn to begin.
    private struct Task: @unchecked Sendable {
        let body: (Int) -> Void
    }

    private let task = Mutex<Task?>(nil)
    private let turn = Atomic<Int>(0)
    private let doneCount = Atomic<Int>(0)
    private let isEnded = Atomic<Bool>(false)
    let count: Int

    init(count: Int) {
        self.count = count
        for number in 1..<max(1, count) { start(number) }
    }

    /// Runs the body for each number below `count`, and returns when all have ended.
    func perform(_ body: (Int) -> Void) {
        guard count > 1 else { return body(0) }
        withoutActuallyEscaping(body) { body in
            task.withLock { $0 = Task(body: body) }
            doneCount.store(0, ordering: .relaxed)
            turn.wrappingAdd(1, ordering: .releasing)
            body(0)
            wait { doneCount.load(ordering: .acquiring) == count - 1 }
            task.withLock { $0 = nil }
        }
    }

    /// Lets the threads end.
    func end() {
        isEnded.store(true, ordering: .relaxed)
        turn.wrappingAdd(1, ordering: .releasing)
    }

    private func start(_ number: Int) {
        let work = unsafe Unmanaged.passRetained(Work(crew: self, number: number))
        var thread: pthread_t = 0
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
                work.crew.work(work.number)
                return nil
            }, unsafe work.toOpaque())
        precondition(result == 0, "a thread cannot be started: errno \(result)")
        pthread_detach(thread)
    }

    private final class Work {
        let crew: Crew
        let number: Int

        init(crew: Crew, number: Int) {
            self.crew = crew
            self.number = number
        }
    }

    private func work(_ number: Int) {
        var done = 0
        while true {
            wait { turn.load(ordering: .acquiring) != done }
            done += 1
            if isEnded.load(ordering: .relaxed) { return }
            task.withLock { $0 }?.body(number)
            doneCount.wrappingAdd(1, ordering: .releasing)
        }
    }

    private func wait(until isTrue: () -> Bool) {
        var spinCount = 0
        while !isTrue() {
            spinCount += 1
            if spinCount > 2_000 { sched_yield() }
        }
    }
}
