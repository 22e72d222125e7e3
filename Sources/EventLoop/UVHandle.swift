internal import CLibuv

/// The memory of one libuv handle: allocated here, freed in the close callback and nowhere else.
///
/// open → closing → freed. From `open` until the close callback libuv's `data` holds one reference to this object,
/// which knows its owner only weakly, so that an owner that is released can close the handle from its `deinit`.
@LoopActor @safe final class UVHandle {
    let raw: UnsafeMutableRawPointer
    weak var owner: AnyObject?
    private(set) var isClosed = false

    /// - Parameter initialise: Calls the `uv_…_init` of the type and returns its status.
    init(
        _ type: uv_handle_type, _ operation: StaticString,
        initialise: (UnsafeMutablePointer<uv_loop_t>, UnsafeMutableRawPointer) -> Int32
    ) throws(LoopError) {
        let byteCount = uv_handle_size(type)
        unsafe raw = .allocate(byteCount: byteCount, alignment: 16)
        let status = unsafe initialise(LoopExecutor.shared.wakeup.loop, raw)
        guard status == 0 else {
            unsafe raw.deallocate()
            isClosed = true
            throw LoopError(status: status, operation, "")
        }
        unsafe pointer.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    var pointer: UnsafeMutablePointer<uv_handle_t> { unsafe raw.assumingMemoryBound(to: uv_handle_t.self) }
    var stream: UnsafeMutablePointer<uv_stream_t> { unsafe raw.assumingMemoryBound(to: uv_stream_t.self) }
    var tcp: UnsafeMutablePointer<uv_tcp_t> { unsafe raw.assumingMemoryBound(to: uv_tcp_t.self) }
    var pipe: UnsafeMutablePointer<uv_pipe_t> { unsafe raw.assumingMemoryBound(to: uv_pipe_t.self) }
    var timer: UnsafeMutablePointer<uv_timer_t> { unsafe raw.assumingMemoryBound(to: uv_timer_t.self) }
    var signal: UnsafeMutablePointer<uv_signal_t> { unsafe raw.assumingMemoryBound(to: uv_signal_t.self) }
    var poll: UnsafeMutablePointer<uv_poll_t> { unsafe raw.assumingMemoryBound(to: uv_poll_t.self) }
    var process: UnsafeMutablePointer<uv_process_t> { unsafe raw.assumingMemoryBound(to: uv_process_t.self) }

    /// The handle's descriptor, nil if it has none (yet).
    var descriptor: Int32? {
        guard !isClosed else { return nil }
        var descriptor: Int32 = -1
        return unsafe uv_fileno(pointer, &descriptor) == 0 ? descriptor : nil
    }

    /// Begins to close. The memory goes once libuv is done with it. Idempotent.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        unsafe uv_close(pointer, handleDidClose)
    }

    /// Gives back what `init` took.
    fileprivate func free() {
        unsafe raw.deallocate()
    }

    /// The owner of the handle that a callback came for, if it still lives.
    static func owner<Owner: AnyObject>(_ type: Owner.Type, data: UnsafeMutableRawPointer?) -> Owner? {
        guard let data = unsafe data else { preconditionFailure("a libuv handle lost its owner") }
        return unsafe Unmanaged<UVHandle>.fromOpaque(data).takeUnretainedValue().owner as? Owner
    }
}

/// Balances the reference that `data` has held since the handle was made.
private func handleDidClose(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    unsafe LoopActor.enter(handle) { handle in
        guard let data = unsafe handle?.pointee.data else { preconditionFailure("a libuv handle lost its owner") }
        unsafe Unmanaged<UVHandle>.fromOpaque(data).takeRetainedValue().free()
    }
}
