internal import CLibuv
internal import CLinux
internal import Glibc
public import Units

/// Accepts connections until closed or released.
@LoopActor public final class StreamListener {
    /// Where it listens, with the real port after a bind to port 0; nil for unix sockets.
    public private(set) var local: Endpoint?

    private let handle: UVHandle
    private let kind: ByteStream.Kind
    private var onAccept: (@LoopActor (ByteStream) -> Void)?

    private init(
        _ handle: UVHandle, _ kind: ByteStream.Kind, _ onAccept: @escaping @LoopActor (ByteStream) -> Void
    ) {
        self.handle = handle
        self.kind = kind
        self.onAccept = onAccept
        handle.owner = self
    }

    isolated deinit { handle.close() }

    /// Listens on an address. `onAccept` gets each connection and must keep it, or it is closed.
    ///
    /// - Throws: `.addressInUse`, `.notFound` for an address that this host does not have, `.permission`.
    public static func tcp(
        _ endpoint: Endpoint, onAccept: @escaping @LoopActor (ByteStream) -> Void
    ) throws(LoopError) -> StreamListener {
        let handle = unsafe try UVHandle(UV_TCP, "listen") { loop, raw in
            unsafe uv_tcp_init(loop, raw.assumingMemoryBound(to: uv_tcp_t.self))
        }
        let listener = StreamListener(handle, .tcp, onAccept)
        do throws(LoopError) {
            let bound = unsafe SocketAddress.withPointer(to: endpoint) { unsafe uv_tcp_bind(handle.tcp, $0, 0) }
            try check(bound, "listen", "on \(endpoint)")
            try listener.listen("on \(endpoint)")
        } catch {
            listener.close()
            throw error
        }
        listener.local = unsafe SocketAddress.read { unsafe uv_tcp_getsockname(handle.tcp, $0, $1) }
        return listener
    }

    /// Listens on a unix socket, whose file gets `mode` before the first connection is possible. A socket file that
    /// nobody answers at is removed first; `close()` removes the file.
    ///
    /// - Throws: `.invalid` for a path over 107 bytes, `.addressInUse` if somebody answers there or the path is not a
    ///   socket, `.notFound` if the folder is missing, `.permission`.
    public static func unix(
        path: String, mode: UInt32, onAccept: @escaping @LoopActor (ByteStream) -> Void
    ) throws(LoopError) -> StreamListener {
        try SocketAddress.requireUsable(unixPath: path, for: "listen")
        try removeStaleSocket(path)
        let handle = unsafe try UVHandle(UV_NAMED_PIPE, "listen") { loop, raw in
            unsafe uv_pipe_init(loop, raw.assumingMemoryBound(to: uv_pipe_t.self), 0)
        }
        let listener = StreamListener(handle, .unix, onAccept)
        do throws(LoopError) {
            try check(unsafe uv_pipe_bind(handle.pipe, path), "listen", "on \(path)")
            guard unsafe chmod(path, mode) == 0 else { throw LoopError(status: -errno, "listen", "on \(path)") }
            try listener.listen("on \(path)")
        } catch {
            listener.close()
            throw error
        }
        return listener
    }

    /// Stops. Connections that were accepted go on. Idempotent.
    public func close() {
        onAccept = nil
        handle.close()
    }

    private func listen(_ subject: String) throws(LoopError) {
        let status = unsafe uv_listen(handle.stream, Int32(Limits.listenBacklogCountMax), listenerHasConnection)
        try check(status, "listen", subject)
    }

    /// - Parameter status: Negative if the kernel could not give the connection, for example for want of descriptors;
    ///   libuv then closes it and goes on.
    fileprivate func accept(_ status: Int32) {
        guard status == 0, !handle.isClosed, let stream = try? ByteStream(kind) else { return }
        guard unsafe uv_accept(handle.stream, stream.handle.stream) == 0 else { return stream.close() }
        stream.didConnect(kind)
        onAccept?(stream)
    }

    private static func removeStaleSocket(_ path: String) throws(LoopError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw LoopError(.addressInUse, "listen", "on \(path): it is in the way and not a socket, remove it")
        }
        let answers = unsafe clinux_unix_socket_answers(path)
        try check(answers, "listen", "on \(path)")
        guard answers == 0 else {
            throw LoopError(.addressInUse, "listen", "on \(path): another process listens there")
        }
        guard unsafe unlink(path) == 0 else { throw LoopError(status: -errno, "listen", "on \(path)") }
    }
}

private func listenerHasConnection(_ handle: UnsafeMutablePointer<uv_stream_t>?, _ status: Int32) {
    unsafe LoopActor.enter(handle) { handle in
        unsafe UVHandle.owner(StreamListener.self, data: handle?.pointee.data)?.accept(status)
    }
}
