internal import CLibuv

/// Who wants to do something once at the end of a turn.
@LoopActor public protocol LoopTurnObserver: AnyObject {
    /// All that was ready in this turn has been handled.
    func turnDidEnd()
}

/// One turn of the loop: what was ready is handled, then it waits for more.
///
/// What many callbacks of a turn want done once, such as sending what they gathered, is done here: right before the
/// loop would wait.
@LoopActor public enum LoopTurn {
    private static var observers: [any LoopTurnObserver] = []
    private static var spare: [any LoopTurnObserver] = []
    private static let handle = unsafe makeHandle()

    /// Calls `observer` once at the end of this turn. It is kept alive until then.
    public static func callAtEnd(_ observer: any LoopTurnObserver) {
        _ = unsafe handle
        observers.append(observer)
    }

    /// libuv's prepare handle, which lives as long as the process.
    private static func makeHandle() -> UnsafeMutablePointer<uv_prepare_t> {
        let handle = UnsafeMutablePointer<uv_prepare_t>.allocate(capacity: 1)
        let status = unsafe uv_prepare_init(LoopExecutor.shared.wakeup.loop, handle)
        precondition(status == 0, "uv_prepare_init: error \(status)")
        let startStatus = unsafe uv_prepare_start(handle, loopWillWait)
        precondition(startStatus == 0, "uv_prepare_start: error \(startStatus)")
        return unsafe handle
    }

    /// Whoever asks for it meanwhile is called in the same turn: the next one may be far.
    fileprivate static func end() {
        while !observers.isEmpty {
            swap(&observers, &spare)
            for observer in spare { observer.turnDidEnd() }
            spare.removeAll(keepingCapacity: true)
        }
    }
}

private func loopWillWait(_ handle: UnsafeMutablePointer<uv_prepare_t>?) {
    unsafe LoopActor.enter(handle) { _ in LoopTurn.end() }
}
