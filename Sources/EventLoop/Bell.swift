internal import Units

/// Wakes whoever waits for something to change, so that nobody has to look again and again.
@LoopActor public final class Bell {
    private var waiting: [Waiter] = []

    /// A bell that nobody waits for.
    public nonisolated init() {}

    /// Wakes all who wait now.
    public func ring() {
        let woken = waiting
        waiting = []
        for waiter in woken { waiter.wake() }
    }

    /// Waits for the next ring, but no longer than `duration`.
    public func wait(atMost duration: Duration) async {
        await withCheckedContinuation { continuation in
            let waiter = Waiter(continuation)
            waiting.append(waiter)
            waiter.start(after: duration) { [weak self] in self?.waiting.removeAll { $0 === waiter } }
        }
    }
}

@LoopActor private final class Waiter {
    private var continuation: CheckedContinuation<Void, Never>?
    private var timer: LoopTimer?

    init(_ continuation: CheckedContinuation<Void, Never>) { self.continuation = continuation }

    func start(after duration: Duration, onTimeOut: @escaping @LoopActor () -> Void) {
        let timer = LoopTimer {
            onTimeOut()
            self.wake()
        }
        timer.start(after: duration)
        self.timer = timer
    }

    func wake() {
        timer?.close()
        timer = nil
        continuation?.resume()
        continuation = nil
    }
}
