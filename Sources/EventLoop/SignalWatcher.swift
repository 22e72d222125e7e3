internal import CLibuv

/// Calls back on the loop when the process gets a signal, until closed or released.
@LoopActor public final class SignalWatcher {
    private let handle: UVHandle
    private var onSignal: (@LoopActor () -> Void)?

    /// - Parameter signal: For example `SIGTERM`.
    /// - Throws: `.invalid` for signals that cannot be caught.
    public init(_ signal: Int32, _ onSignal: @escaping @LoopActor () -> Void) throws(LoopError) {
        handle = unsafe try UVHandle(UV_SIGNAL, "watch signal") { loop, raw in
            unsafe uv_signal_init(loop, raw.assumingMemoryBound(to: uv_signal_t.self))
        }
        self.onSignal = onSignal
        handle.owner = self
        let status = unsafe uv_signal_start(handle.signal, signalDidArrive, signal)
        guard status == 0 else {
            handle.close()
            throw LoopError(status: status, "watch signal", "\(signal)")
        }
    }

    isolated deinit { handle.close() }

    /// Ends the watch; the signal does again what it did before. Idempotent.
    public func close() {
        onSignal = nil
        handle.close()
    }

    fileprivate func deliver() { onSignal?() }
}

private func signalDidArrive(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ signal: Int32) {
    unsafe LoopActor.enter(handle) { handle in
        unsafe UVHandle.owner(SignalWatcher.self, data: handle?.pointee.data)?.deliver()
    }
}
