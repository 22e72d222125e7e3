internal import CLinux
internal import Glibc
internal import Units

/// A thread for one long piece of reading and hashing that gives way to whatever else the machine does, such as an
/// inference process with its requests. ``ThreadPool`` is for what a transfer waits for.
public enum QuietThread {
    /// Runs `work` on a thread of its own, with a lower priority, and waits without blocking. How many run at once is
    /// the caller's to bound. Where no thread can be started, a thread of the pool does it.
    public static func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
        let result: T? = await withCheckedContinuation { continuation in
            if !start({ continuation.resume(returning: work()) }) { continuation.resume(returning: nil) }
        }
        if let result { return result }
        return await withCheckedContinuation { continuation in
            Task { @LoopActor in ThreadPool.run(work, then: { continuation.resume(returning: $0) }) }
        }
    }

    private static func start(_ body: @escaping @Sendable () -> Void) -> Bool {
        let job = unsafe Unmanaged.passRetained(QuietJob(body))
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
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func runQuietJob(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument = unsafe argument else { preconditionFailure("a quiet thread lost its job") }
    _ = clinux_yield_to_others(Limits.quietNiceness)  // A refusal costs nothing but manners.
    unsafe Unmanaged<QuietJob>.fromOpaque(argument).takeRetainedValue().body()
    return nil
}
