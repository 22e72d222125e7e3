internal import CLibuv

/// Owns the process's `uv_loop_t` and the handle that wakes it.
///
/// Unchecked: only ``signal()`` is called off the loop's thread, and `uv_async_send` is the one call that libuv allows
/// there. The pointers never change, and what they point to lives as long as the process.
@safe final class LoopWakeup: @unchecked Sendable {
    /// For the loop's thread only.
    let loop: UnsafeMutablePointer<uv_loop_t>
    private let wakeup: UnsafeMutablePointer<uv_async_t>

    init() {
        unsafe loop = .allocate(capacity: 1)
        unsafe wakeup = .allocate(capacity: 1)
        let loopStatus = unsafe uv_loop_init(loop)
        precondition(loopStatus == 0, "libuv cannot make a loop: error \(loopStatus)")
        let asyncStatus = unsafe uv_async_init(loop, wakeup, loopWasWoken)
        precondition(asyncStatus == 0, "libuv cannot make a wake-up handle: error \(asyncStatus)")
    }

    /// Makes the loop look at its inbox soon. From any thread.
    func signal() {
        let status = unsafe uv_async_send(wakeup)
        precondition(status == 0, "uv_async_send: error \(status)")
    }

    /// Never returns, since the wake-up handle is never closed.
    func runLoopForEver() {
        while true { _ = unsafe uv_run(loop, UV_RUN_DEFAULT) }
    }
}

/// libuv's callback on the loop's thread after one or more calls of `signal()`.
private func loopWasWoken(_ handle: UnsafeMutablePointer<uv_async_t>?) {
    LoopExecutor.shared.drainInbox()
    LoopActor.assumeIsolated { Later.runAll() }
}

/// Callbacks that run once the caller has returned to the loop, so that no callback runs inside the call that caused
/// it.
@LoopActor enum Later {
    private static var waiting: [@LoopActor () -> Void] = []

    static func run(_ body: @escaping @LoopActor () -> Void) {
        waiting.append(body)
        if waiting.count == 1 { LoopExecutor.shared.wakeup.signal() }
    }

    static func runAll() {
        guard !waiting.isEmpty else { return }
        let batch = waiting
        waiting = []  // what a callback adds runs in the next turn
        for body in batch { body() }
    }
}
