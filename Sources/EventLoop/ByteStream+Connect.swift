internal import CLibuv
public import Units

extension ByteStream {
    /// Connects by TCP, with TCP_NODELAY.
    ///
    /// - Throws: `.refused`, `.timedOut` after `within`, `.notFound` where no route leads.
    public static func connect(to endpoint: Endpoint, within: Duration) async throws(LoopError) -> ByteStream {
        let stream = try ByteStream(.tcp)
        let attempt = ConnectAttempt(stream, endpoint.description)
        unsafe try await attempt.run(within: within) { request in
            unsafe SocketAddress.withPointer(to: endpoint) { address in
                unsafe uv_tcp_connect(request, stream.handle.tcp, address, streamDidConnect)
            }
        }
        stream.didConnect(.tcp)
        return stream
    }

    /// Connects to a unix socket.
    ///
    /// - Throws: `.invalid` for a path over 107 bytes, `.notFound`, `.refused` if nobody listens there, `.permission`.
    public static func connect(unixPath: String, within: Duration) async throws(LoopError) -> ByteStream {
        try SocketAddress.requireUsable(unixPath: unixPath, for: "connect")
        let stream = try ByteStream(.unix)
        let attempt = ConnectAttempt(stream, unixPath)
        unsafe try await attempt.run(within: within) { request in
            unsafe uv_pipe_connect(request, stream.handle.pipe, unixPath, streamDidConnect)
            return 0
        }
        return stream
    }
}

/// One try to connect: connecting → done, by the kernel's answer or by the deadline, whichever comes first.
@LoopActor private final class ConnectAttempt {
    private let stream: ByteStream
    private let subject: String
    private var timer: LoopTimer?
    private var continuation: CheckedContinuation<LoopError?, Never>?

    init(_ stream: ByteStream, _ subject: String) {
        self.stream = stream
        self.subject = subject
    }

    func run(
        within: Duration, begin: (UnsafeMutablePointer<uv_connect_t>) -> Int32
    ) async throws(LoopError) {
        let error = await withCheckedContinuation { continuation in
            self.continuation = continuation
            let request = UnsafeMutablePointer<uv_connect_t>.allocate(capacity: 1)
            // libuv holds the +1 until streamDidConnect, which comes even for a stream that was closed.
            unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
            let status = unsafe begin(request)
            guard status == 0 else {
                unsafe Unmanaged.passUnretained(self).release()
                unsafe request.deallocate()
                return finish(LoopError(status: status, "connect", subject))
            }
            let timer = LoopTimer { [weak self] in self?.timeOut(after: within) }
            timer.start(after: within)
            self.timer = timer
        }
        if let error { throw error }
    }

    func didConnect(_ status: Int32) {
        finish(status < 0 ? LoopError(status: status, "connect", subject) : nil)
    }

    private func timeOut(after limit: Duration) {
        finish(LoopError(.timedOut, "connect", "\(subject): no answer within \(limit.inSeconds) s"))
    }

    private func finish(_ error: LoopError?) {
        guard let continuation else { return }
        self.continuation = nil
        timer?.close()
        if error != nil { stream.close() }
        continuation.resume(returning: error)
    }
}

private func streamDidConnect(_ request: UnsafeMutablePointer<uv_connect_t>?, _ status: Int32) {
    unsafe LoopActor.enter(request) { request in
        guard let data = unsafe request?.pointee.data else { preconditionFailure("a connect lost its data") }
        let attempt = unsafe Unmanaged<ConnectAttempt>.fromOpaque(data).takeRetainedValue()
        unsafe request?.deallocate()
        attempt.didConnect(status)
    }
}
