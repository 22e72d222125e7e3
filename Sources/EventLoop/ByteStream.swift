internal import CLibuv
internal import CLinux
public import Units

/// Who is at the other end of a unix socket, as the kernel saw it when they connected.
public struct PeerCredentials: Hashable, Sendable {
    /// The process.
    public let processID: Int32
    /// Its effective user.
    public let userID: UInt32
    /// Its effective group.
    public let groupID: UInt32
}

/// A connected byte stream: TCP or a unix socket.
///
/// open → (shutting down →) closed. Confined to the loop. After `close()` no callback fires any more, not even of
/// writes. A stream that is released is closed, and what waits to be sent is dropped; only one that is shutting down
/// keeps itself alive.
@LoopActor public final class ByteStream {
    /// The other end; nil for unix sockets.
    public private(set) var peer: Endpoint?
    /// This end; nil for unix sockets.
    public private(set) var local: Endpoint?
    /// What one read may bring; less makes turns shorter.
    public var readByteCountMax = Limits.readBufferByteCount
    /// True after `close()`, or once a shut-down has come to its end.
    public var isClosed: Bool { handle.isClosed }

    let handle: UVHandle
    private var onBytes: (@LoopActor (borrowing RawSpan) -> Void)?
    private var onEnd: (@LoopActor (LoopError?) -> Void)?
    /// Writes that are queued. Each costs memory beside its bytes, so many small ones are not as cheap as they look.
    public fileprivate(set) var queuedWriteCount = 0
    /// Writes that are done and whose callers do not know yet, oldest first.
    private var finishedWrites: [(then: @LoopActor (LoopError?) -> Void, error: LoopError?)] = []
    private var shutdown: Shutdown?

    /// A flush on its way. The stream closes once both are true, or time is up.
    private struct Shutdown {
        let timer: LoopTimer
        var isFlushed = false
        var peerHasClosed = false
    }

    enum Kind { case tcp, unix }

    init(_ kind: Kind) throws(LoopError) {
        switch kind {
        case .tcp:
            handle = unsafe try UVHandle(UV_TCP, "socket") { loop, raw in
                unsafe uv_tcp_init(loop, raw.assumingMemoryBound(to: uv_tcp_t.self))
            }
        case .unix:
            handle = unsafe try UVHandle(UV_NAMED_PIPE, "socket") { loop, raw in
                unsafe uv_pipe_init(loop, raw.assumingMemoryBound(to: uv_pipe_t.self), 0)
            }
        }
        handle.owner = self
    }

    isolated deinit { handle.close() }

    /// Called once when the connection stands.
    func didConnect(_ kind: Kind) {
        guard kind == .tcp else { return }
        unsafe uv_tcp_nodelay(handle.tcp, 1)
        peer = unsafe SocketAddress.read { unsafe uv_tcp_getpeername(handle.tcp, $0, $1) }
        local = unsafe SocketAddress.read { unsafe uv_tcp_getsockname(handle.tcp, $0, $1) }
    }

    /// Who is at the other end of a unix socket; nil for TCP and after `close()`.
    public var peerCredentials: PeerCredentials? {
        guard peer == nil, let descriptor = handle.descriptor else { return nil }
        var (process, user, group): (Int32, UInt32, UInt32) = (0, 0, 0)
        guard unsafe clinux_peer_credentials(descriptor, &process, &user, &group) == 0 else { return nil }
        return PeerCredentials(processID: process, userID: user, groupID: group)
    }

    /// Chooses TCP's congestion control by its kernel name, for example `bbr`.
    ///
    /// - Throws: `.notFound` if the kernel does not have it, `.permission` if this user may not choose it.
    public func setCongestionControl(_ name: String) throws(LoopError) {
        guard let descriptor = handle.descriptor else { throw LoopError(.closed, "congestion control", name) }
        let status = unsafe clinux_set_congestion_control(descriptor, name, name.utf8.count)
        try check(status, "congestion control", name)
    }

    /// Closes at once; what waits to be sent is dropped. Idempotent.
    public func close() {
        onBytes = nil
        onEnd = nil
        finishedWrites = []
        shutdown?.timer.close()
        shutdown = nil
        handle.close()
    }
}

// MARK: Reading

extension ByteStream {
    /// Starts to read, or goes on with other callbacks.
    ///
    /// - Parameters:
    ///   - onBytes: Gets each piece as it came, at most `Limits.readBufferByteCount`; valid only during the call.
    ///   - onEnd: Called at most once: with nil when the other side has sent its last byte, else with what broke. No
    ///     callback of reading comes after it; the stream must still be closed.
    public func startReading(
        onBytes: @escaping @LoopActor (borrowing RawSpan) -> Void, onEnd: @escaping @LoopActor (LoopError?) -> Void
    ) {
        guard !isClosed, shutdown == nil else { return }
        self.onBytes = onBytes
        self.onEnd = onEnd
        resumeReading()
    }

    /// No more bytes come until `resumeReading()`; the kernel's buffer fills and the other side has to wait.
    public func pauseReading() {
        guard !isClosed, shutdown == nil else { return }
        unsafe uv_read_stop(handle.stream)
    }

    /// Goes on after `pauseReading()`.
    public func resumeReading() {
        guard !isClosed, onBytes != nil else { return }
        let status = unsafe uv_read_start(handle.stream, streamWantsBuffer, streamDidRead)
        guard status < 0, status != UV_EALREADY.rawValue else { return }
        let error = LoopError(status: status, "read", subject)
        Later.run { [weak self] in self?.endReading(error) }
    }

    /// Whom an error is about.
    private var subject: String { peer.map { "from \($0)" } ?? "from a unix socket" }

    /// - Parameter count: Bytes that came, or an error's negative number.
    fileprivate func didRead(_ count: Int, _ buffer: UnsafeRawBufferPointer) {
        if count > 0 {
            let bytes = unsafe RawSpan(_unsafeBytes: buffer)
            onBytes?(bytes)
        } else if shutdown != nil {
            guard count == Int(UV_EOF.rawValue) else { return count < 0 ? close() : () }
            unsafe uv_read_stop(handle.stream)
            shutdown?.peerHasClosed = true
            closeIfShutDown()
        } else if count < 0 {
            unsafe uv_read_stop(handle.stream)
            let status = count == Int(UV_EOF.rawValue) ? hiddenError : Int32(count)
            endReading(status == 0 ? nil : LoopError(status: status, "read", subject))
        }
    }

    /// libuv calls it the end when a connection was reset after bytes that filled less than the buffer; the socket
    /// still knows the error. Without this a truncated stream would pass for a whole one.
    private var hiddenError: Int32 { handle.descriptor.map { clinux_socket_error($0) } ?? 0 }

    private func endReading(_ error: LoopError?) {
        let onEnd = self.onEnd
        onBytes = nil
        self.onEnd = nil
        onEnd?(error)
    }
}

/// The one read buffer: libuv asks for it right before a read and gives it back in `streamDidRead` right after.
@LoopActor private enum ReadBuffer {
    static let bytes = UnsafeMutableRawBufferPointer.allocate(
        byteCount: Limits.readBufferByteCount, alignment: 4096)
}

private func streamWantsBuffer(
    _ handle: UnsafeMutablePointer<uv_handle_t>?, _ suggested: Int, _ buffer: UnsafeMutablePointer<uv_buf_t>?
) {
    unsafe LoopActor.enter((handle, buffer)) { pair in
        let bytes = unsafe ReadBuffer.bytes
        let stream = unsafe UVHandle.owner(ByteStream.self, data: pair.0?.pointee.data)
        unsafe pair.1?.pointee.base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        unsafe pair.1?.pointee.len = min(bytes.count, max(1, stream?.readByteCountMax ?? bytes.count))
    }
}

private func streamDidRead(
    _ handle: UnsafeMutablePointer<uv_stream_t>?, _ count: Int, _ buffer: UnsafePointer<uv_buf_t>?
) {
    unsafe LoopActor.enter((handle, buffer)) { pair in
        guard let stream = unsafe UVHandle.owner(ByteStream.self, data: pair.0?.pointee.data) else { return }
        unsafe stream.didRead(count, UnsafeRawBufferPointer(start: pair.1?.pointee.base, count: max(0, count)))
    }
}

// MARK: Writing

extension ByteStream {
    /// Bytes that `write` took and the kernel has not.
    public var queuedByteCount: Int { isClosed ? 0 : unsafe uv_stream_get_write_queue_size(handle.stream) }

    /// Tries at once, queues the rest. Give up your reference to `bytes`; nothing is copied.
    ///
    /// There is no bound here: whoever writes a lot waits for `then`, or looks at `queuedByteCount`.
    /// - Parameter then: Called once the bytes went to the kernel, or failed; in the order of the calls, never before
    ///   `write` has returned, and not at all after `close()`.
    public func write(_ bytes: [UInt8], then: (@LoopActor (LoopError?) -> Void)? = nil) {
        guard !isClosed else { return }
        guard shutdown == nil else {
            return finishSoon(then, LoopError(.closed, "write", "the stream is shutting down"))
        }
        guard !bytes.isEmpty else { return queuedByteCount == 0 ? finishSoon(then, nil) : queue(bytes, from: 0, then) }
        let sent = unsafe bytes.withUnsafeBytes { unsafe tryWrite($0) }
        if sent == bytes.count {
            finishSoon(then, nil)
        } else if sent >= 0 || sent == Int(UV_EAGAIN.rawValue) {
            queue(bytes, from: max(0, sent), then)
        } else {
            finishSoon(then, LoopError(status: Int32(sent), "write", subject))
        }
    }

    /// The same, of a buffer that goes to `spareBuffers` afterwards: it is the stream's from now on.
    ///
    /// Without `then` it is tried at once. With it the kernel gets the bytes at once as well, but by libuv's queue, of
    /// which the end needs no wake-up of its own.
    public func write(_ buffer: RawBuffer, then: (@LoopActor (LoopError?) -> Void)? = nil) {
        guard !isClosed, shutdown == nil, buffer.count > 0 else {
            Self.spareBuffers.giveBack(buffer)
            return write([], then: then)
        }
        let sent = then == nil ? unsafe tryWrite(buffer.contents) : 0
        let rest = buffer.count - max(0, sent)
        guard sent >= 0 || sent == Int(UV_EAGAIN.rawValue), rest > 0 else {
            return Self.spareBuffers.giveBack(buffer)  // all is sent, or the reading side will tell what broke
        }
        guard rest < buffer.capacity / 4 else {
            return unsafe queue(buffer.contents.suffix(rest), of: .buffer(buffer), then)
        }
        // A little must not keep a large buffer for as long as the other side likes.
        let copy = unsafe [UInt8](buffer.contents.suffix(rest))
        Self.spareBuffers.giveBack(buffer)
        queue(copy, from: 0, then)
    }

    /// Buffers for what is written, of all streams.
    public static let spareBuffers = RawBufferPool(idleByteCountMax: Limits.spareWriteBufferByteCountMax)

    private func tryWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        var piece = unsafe uv_buf_t(reading: bytes)
        return unsafe Int(uv_try_write(handle.stream, &piece, 1))
    }

    private func queue(_ bytes: [UInt8], from start: Int, _ then: (@LoopActor (LoopError?) -> Void)?) {
        // The pointer outlives the closure: the array's storage stays where it is, since the pending write keeps it and
        // nobody changes it.
        unsafe bytes.withUnsafeBytes { unsafe queue($0.suffix(from: start), of: .array(bytes), then) }
    }

    private func queue(
        _ bytes: Slice<UnsafeRawBufferPointer>, of owner: PendingWrite.Owner,
        _ then: (@LoopActor (LoopError?) -> Void)?
    ) {
        let pending = PendingWrite(self, owner, then)
        let request = UnsafeMutablePointer<uv_write_t>.allocate(capacity: 1)
        // libuv holds the +1 until streamDidWrite, which always comes.
        unsafe request.pointee.data = Unmanaged.passRetained(pending).toOpaque()
        var piece = unsafe uv_buf_t(reading: UnsafeRawBufferPointer(rebasing: bytes))
        let status = unsafe uv_write(request, handle.stream, &piece, 1, streamDidWrite)
        guard status < 0 else {
            queuedWriteCount += 1
            return
        }
        unsafe Unmanaged.passUnretained(pending).release()
        unsafe request.deallocate()
        finishSoon(then, LoopError(status: status, "write", subject))
    }

    private func finishSoon(_ then: (@LoopActor (LoopError?) -> Void)?, _ error: LoopError?) {
        guard let then else { return }
        finishedWrites.append((then, error))
        if finishedWrites.count == 1 { Later.run { self.reportFinishedWrites() } }
    }

    fileprivate func didWrite(_ pending: PendingWrite, _ status: Int32) {
        queuedWriteCount -= 1
        guard !isClosed, let then = pending.then else { return }
        let error = status < 0 ? LoopError(status: status, "write", subject) : nil
        finishedWrites.append((then, error))
        reportFinishedWrites()
    }

    private func reportFinishedWrites() {
        let finished = finishedWrites
        finishedWrites = []
        for write in finished where !isClosed { write.then(write.error) }
    }
}

extension uv_buf_t {
    /// libuv's buffers are not const, though it only reads from those that it writes out.
    fileprivate init(reading buffer: UnsafeRawBufferPointer) {
        let base = unsafe UnsafeMutableRawPointer(mutating: buffer.baseAddress)
        unsafe self.init(base: base?.assumingMemoryBound(to: CChar.self), len: buffer.count)
    }
}

/// A write that the kernel has not taken wholly; keeps the bytes alive until then.
private final class PendingWrite {
    enum Owner {
        case array([UInt8])
        case buffer(RawBuffer)
    }

    weak let stream: ByteStream?
    let owner: Owner
    let then: (@LoopActor (LoopError?) -> Void)?

    init(_ stream: ByteStream, _ owner: Owner, _ then: (@LoopActor (LoopError?) -> Void)?) {
        self.stream = stream
        self.owner = owner
        self.then = then
    }
}

private func streamDidWrite(_ request: UnsafeMutablePointer<uv_write_t>?, _ status: Int32) {
    unsafe LoopActor.enter(request) { request in
        guard let data = unsafe request?.pointee.data else { preconditionFailure("a write lost its data") }
        let pending = unsafe Unmanaged<PendingWrite>.fromOpaque(data).takeRetainedValue()
        unsafe request?.deallocate()
        if case .buffer(let buffer) = pending.owner { ByteStream.spareBuffers.giveBack(buffer) }
        pending.stream?.didWrite(pending, status)
    }
}

// MARK: Shutting down

extension ByteStream {
    /// Flushes what is queued, tells the other side that no more comes, and closes once it has closed too; after
    /// `Limits.shutdownMillisecondsMax` in any case, and then TCP's other side gets an error. No callback of reading
    /// comes any more; what comes in is dropped.
    ///
    /// Waiting for the other side matters: a socket that is closed with bytes unread resets the connection, and the
    /// reset may overtake what was just flushed.
    public func shutdownThenClose() {
        guard !isClosed, shutdown == nil else { return }
        onBytes = nil
        onEnd = nil
        let request = UnsafeMutablePointer<uv_shutdown_t>.allocate(capacity: 1)
        guard unsafe uv_shutdown(request, handle.stream, streamDidShutDown) == 0 else {
            unsafe request.deallocate()
            return close()
        }
        // libuv holds the +1 until streamDidShutDown, which always comes; the timer, until close().
        unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let timer = LoopTimer { self.reset() }
        shutdown = Shutdown(timer: timer)
        timer.start(after: .milliseconds(Limits.shutdownMillisecondsMax))
        let status = unsafe uv_read_start(handle.stream, streamWantsBuffer, streamDidRead)
        if status < 0, status != UV_EALREADY.rawValue { shutdown?.peerHasClosed = true }
    }

    fileprivate func didShutDown(_ status: Int32) {
        guard status == 0 else { return close() }
        shutdown?.isFlushed = true
        closeIfShutDown()
    }

    /// Closes so that the other side gets an error: an ordinary end would say that it has all.
    private func reset() {
        if let descriptor = handle.descriptor { _ = clinux_reset_on_close(descriptor) }
        close()
    }

    private func closeIfShutDown() {
        if let shutdown, shutdown.isFlushed, shutdown.peerHasClosed { close() }
    }
}

private func streamDidShutDown(_ request: UnsafeMutablePointer<uv_shutdown_t>?, _ status: Int32) {
    unsafe LoopActor.enter(request) { request in
        guard let data = unsafe request?.pointee.data else { preconditionFailure("a shut-down lost its data") }
        let stream = unsafe Unmanaged<ByteStream>.fromOpaque(data).takeRetainedValue()
        unsafe request?.deallocate()
        stream.didShutDown(status)
    }
}
