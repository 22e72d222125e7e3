internal import CLinux
internal import Glibc
internal import Units

/// A thread for one long piece of reading and hashing that gives way to the other threads of its control group, such as
/// an inference process with its requests. ``ThreadPool`` is for what a transfer waits for.
public enum QuietThread {
    /// Runs `work` on a thread of its own, with a lower priority, and waits without blocking. How many run at once is
    /// the caller's to bound. Where no thread can be started, a thread of the pool does it.
    public static func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
        let result: T? = await withCheckedContinuation { continuation in
            let isStarted = start {
                let result = work()
                return { continuation.resume(returning: result) }
            }
            if !isStarted { continuation.resume(returning: nil) }
        }
        if let result { return result }
        return await withCheckedContinuation { continuation in
            Task { @LoopActor in ThreadPool.run(work, then: { continuation.resume(returning: $0) }) }
        }
    }

    private static func start(_ work: @escaping QuietJob.Work) -> Bool {
        let job = unsafe Unmanaged.passRetained(QuietJob(work))
        var thread: pthread_t = 0
        guard unsafe pthread_create(&thread, nil, runQuietJob, job.toOpaque()) == 0 else {
            unsafe job.release()
            return false
        }
        pthread_detach(thread)
        return true
    }
}

/// What the thread is handed.
private final class QuietJob: Sendable {
    /// Gives what is to be done once all that the work needed is let go of.
    typealias Work = @Sendable () -> @Sendable () -> Void
    let work: Work

    init(_ work: @escaping Work) { self.work = work }
}

private func runQuietJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { preconditionFailure("a quiet thread lost its job") }
    clinux_yield_to_others(Limits.quietNiceness)
    let finish = unsafe Unmanaged<QuietJob>.fromOpaque(argument).takeRetainedValue().work()
    finish()
    return nil
}
