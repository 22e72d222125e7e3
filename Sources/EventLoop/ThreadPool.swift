internal import CLibuv
internal import Glibc
internal import Units

/// libuv's threads, for what blocks or computes: hashing, reading, writing, cutting. Never Swift's cooperative pool.
///
/// `UV_THREADPOOL_SIZE` sets the number of threads; without it there is one for each processor, two to four.
public enum ThreadPool {
    /// How many threads there are, unless the environment says otherwise.
    public static let threadCount: Int = {
        let bounds = Limits.poolThreadCounts
        return min(max(sysconf(Int32(_SC_NPROCESSORS_ONLN)), bounds.lowerBound), bounds.upperBound)
    }()

    /// Runs `work` on a thread of the pool, then `then` with its result on the loop. Jobs start in the order of the
    /// calls; how many may wait is the caller's to bound.
    @LoopActor public static func run<T: Sendable>(
        _ work: @escaping @Sendable () -> T, then: @escaping @LoopActor (T) -> Void
    ) {
        let job = PoolJob()
        job.work = {
            let result = work()
            return { then(result) }
        }
        submit(job)
    }

    /// Runs `work` on a thread of the pool and waits without blocking. From anywhere.
    public static func run<T: Sendable>(_ work: @escaping @Sendable () throws -> T) async throws -> T {
        try await result(of: work).get()
    }

    @LoopActor private static func result<T: Sendable>(
        of work: @escaping @Sendable () throws -> T
    ) async -> Result<T, any Error> {
        await withCheckedContinuation { continuation in
            run({ Result { try work() } }, then: { continuation.resume(returning: $0) })
        }
    }

    @LoopActor private static func submit(_ job: PoolJob) {
        let request = UnsafeMutablePointer<uv_work_t>.allocate(capacity: 1)
        // libuv holds the +1 until poolJobDidFinish.
        unsafe request.pointee.data = Unmanaged.passRetained(job).toOpaque()
        let status = unsafe uv_queue_work(
            LoopExecutor.shared.wakeup.loop, request, poolJobWillRun, poolJobDidFinish)
        precondition(status == 0, "uv_queue_work: error \(status)")
    }
}

/// One job. It is handed from the loop to a pool thread and back, and is never on two threads at once.
private final class PoolJob {
    /// Runs on the pool; gives what is to run on the loop.
    var work: (() -> @LoopActor () -> Void)?
    var finish: (@LoopActor () -> Void)?
}

private func poolJobWillRun(_ request: UnsafeMutablePointer<uv_work_t>?) {
    guard let data = unsafe request?.pointee.data else { preconditionFailure("a pool job lost its data") }
    let job = unsafe Unmanaged<PoolJob>.fromOpaque(data).takeUnretainedValue()
    job.finish = job.work?()
    job.work = nil  // what the work captured goes on this thread, not on the loop
}

private func poolJobDidFinish(_ request: UnsafeMutablePointer<uv_work_t>?, _ status: Int32) {
    unsafe LoopActor.enter(request) { request in
        guard let data = unsafe request?.pointee.data else { preconditionFailure("a pool job lost its data") }
        let job = unsafe Unmanaged<PoolJob>.fromOpaque(data).takeRetainedValue()
        unsafe request?.deallocate()
        job.finish?()
    }
}
