internal import CLibuv
internal import Glibc
internal import Synchronization
internal import Units

/// The loop's thread as a serial executor: jobs come in from any thread and run on the loop's thread, in order.
final class LoopExecutor: SerialExecutor {
    /// The process's one loop. First use starts its thread.
    static let shared = LoopExecutor()

    let wakeup: LoopWakeup
    private let inbox = Mutex(Inbox())
    /// `pthread_self` of the loop's thread, 0 until it runs. Written once, by that thread.
    private let threadID = Atomic<UInt>(0)

    /// Jobs that wait. `next` is the place of the first that was not taken.
    private struct Inbox {
        var jobs: [UnownedJob] = []
        var next = 0
    }

    private init() {
        signal(SIGPIPE, SIG_IGN)
        // A write beyond RLIMIT_FSIZE fails like one on a full disk then.
        signal(SIGXFSZ, SIG_IGN)
        // The third argument 0: whoever runs the process may choose another number of threads.
        unsafe setenv("UV_THREADPOOL_SIZE", String(ThreadPool.threadCount), 0)
        unsafe on_exit(endProcess, nil)
        wakeup = LoopWakeup()
        var thread = uv_thread_t()
        // The thread holds the +1 for ever; the executor lives as long as the process.
        let status = unsafe uv_thread_create(&thread, loopThreadMain, Unmanaged.passRetained(self).toOpaque())
        precondition(status == 0, "the loop's thread cannot start: error \(status)")
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let wasEmpty = inbox.withLock { inbox in
            inbox.jobs.append(unowned)
            return inbox.jobs.count - inbox.next == 1
        }
        // Whoever made the inbox non-empty woke the loop; one waking is enough until it is drained.
        if wasEmpty { wakeup.signal() }
    }

    /// Whether this is the loop's thread.
    var isCurrent: Bool { threadID.load(ordering: .relaxed) == pthread_self() }

    func checkIsolated() {
        precondition(isCurrent, "this code belongs on the event loop's thread, and was called on another")
    }

    func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// The thread's life.
    fileprivate func run() {
        threadID.store(pthread_self(), ordering: .relaxed)
        wakeup.runLoopForEver()
    }

    /// Runs the jobs that wait, a bounded number, so that sockets are never starved.
    func drainInbox() {
        for _ in 0..<Limits.loopJobCountPerTurnMax {
            guard let job = takeJob() else { return }
            unsafe job.runSynchronously(on: asUnownedSerialExecutor())
        }
        if inbox.withLock({ !$0.jobs.isEmpty }) { wakeup.signal() }
    }

    private func takeJob() -> UnownedJob? {
        inbox.withLock { inbox in
            guard inbox.next < inbox.jobs.count else { return nil }
            let job = inbox.jobs[inbox.next]
            inbox.next += 1
            if inbox.next == inbox.jobs.count {
                inbox.jobs.removeAll(keepingCapacity: inbox.next <= Limits.loopJobCountPerTurnMax)
                inbox.next = 0
            } else if inbox.next >= 4 * Limits.loopJobCountPerTurnMax {
                inbox.jobs.removeFirst(inbox.next)  // an inbox that is never empty must not grow for ever
                inbox.next = 0
            }
            return job
        }
    }
}

/// Entry of the loop's thread. `argument` is the executor, retained.
private func loopThreadMain(_ argument: UnsafeMutableRawPointer?) {
    guard let argument = unsafe argument else { preconditionFailure("the loop's thread lost its executor") }
    unsafe Unmanaged<LoopExecutor>.fromOpaque(argument).takeUnretainedValue().run()
}

/// Called by `exit`. The loop's thread and the pool's are at work until the process is gone: the libraries' own
/// clean-up, which would come after this, takes their locks from under them, and libuv aborts on a lock that is gone.
private func endProcess(_ status: Int32, _ argument: UnsafeMutableRawPointer?) {
    fflush(nil)
    _exit(status)
}
