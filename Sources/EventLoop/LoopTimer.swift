internal import CLibuv
internal import Units

/// Calls back after a time, once or again and again. Stopped when closed or released.
///
/// It never fires early; a busy loop makes it late. Resolution: a millisecond.
@LoopActor public final class LoopTimer {
    private let handle: UVHandle
    private var onFire: (@LoopActor () -> Void)?

    /// Makes a timer that does not run yet. What `onFire` captures lives until `close()` or release.
    public init(_ onFire: @escaping @LoopActor () -> Void) {
        do {
            handle = unsafe try UVHandle(UV_TIMER, "timer") { loop, raw in
                unsafe uv_timer_init(loop, raw.assumingMemoryBound(to: uv_timer_t.self))
            }
        } catch { preconditionFailure("uv_timer_init never fails, and did: \(error)") }
        self.onFire = onFire
        handle.owner = self
    }

    isolated deinit { handle.close() }

    /// Starts, or starts anew if it runs.
    ///
    /// - Precondition: Not closed.
    public func start(after: Duration, repeating: Duration? = nil) {
        precondition(!handle.isClosed, "a closed timer was started")
        // libuv counts from the time at which the loop woke up, which may be long ago.
        unsafe uv_update_time(LoopExecutor.shared.wakeup.loop)
        let delay = LoopTimer.milliseconds(after)
        let interval = repeating.map { max(1, LoopTimer.milliseconds($0)) } ?? 0
        // libuv's clock drops the fraction of a millisecond, so one more keeps the timer from firing early.
        let status = unsafe uv_timer_start(handle.timer, timerDidFire, delay == 0 ? 0 : delay + 1, interval)
        precondition(status == 0, "uv_timer_start: error \(status)")
    }

    /// Stops; `start` may be called again.
    public func stop() {
        guard !handle.isClosed else { return }
        unsafe uv_timer_stop(handle.timer)
    }

    /// Stops for good and lets go of the callback. Idempotent.
    public func close() {
        onFire = nil
        handle.close()
    }

    fileprivate func fire() { onFire?() }

    /// Rounded up.
    private static func milliseconds(_ duration: Duration) -> UInt64 {
        UInt64(max(0, (duration.wholeNanoseconds + 999_999) / 1_000_000))
    }
}

private func timerDidFire(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
    unsafe LoopActor.enter(handle) { handle in
        unsafe UVHandle.owner(LoopTimer.self, data: handle?.pointee.data)?.fire()
    }
}
