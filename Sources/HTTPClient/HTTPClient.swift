internal import CCurl
public import EventLoop
internal import Units

/// Asks HTTP servers: libcurl's transfers on the agent's own loop, so that one which takes minutes costs no thread.
///
/// Nothing but what the URL names is talked to: no proxy, no redirect. Every request has a deadline, and an answer a
/// bound.
///
/// open → closed. libcurl must not be called from within its callbacks; they only note what it wants.
@LoopActor @safe public final class HTTPClient {
    private let raw: UnsafeMutableRawPointer
    private var transfers: [UnsafeMutableRawPointer: HTTPTransfer] = unsafe [:]
    private var watchers: [Int32: DescriptorWatcher] = [:]
    private var timer: LoopTimer?
    private var isClosed = false

    /// A client; several share nothing.
    public init() {
        // Once for the process; more calls only count.
        let status = curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        precondition(status == CURLE_OK, "libcurl does not start: error \(status.rawValue)")
        guard let raw = unsafe curl_multi_init() else { preconditionFailure("libcurl has no memory") }
        unsafe self.raw = raw
        let timer = LoopTimer { [weak self] in self?.act(on: nil, 0) }
        self.timer = timer
        // libcurl calls back only from calls of this object's.
        let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
        let isSet = unsafe shoal_curl_set_loop(raw, clientWantsSocket, clientWantsTimer, owner)
        precondition(isSet == 1, "libcurl takes no callbacks")
    }

    isolated deinit { close() }

    /// Asks, and waits for the whole answer, whatever its status.
    public func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
        let transfer = try HTTPTransfer(request)
        guard !isClosed else { throw HTTPError(.closed, "\(request.url): the client is closed") }
        guard unsafe transfers.count < Limits.httpTransferCountMax else {
            throw HTTPError(.invalid, "\(request.url): \(Limits.httpTransferCountMax) requests are under way")
        }
        let answer = await withCheckedContinuation { continuation in
            transfer.begin(continuation)
            unsafe transfers[transfer.raw] = transfer
            let status = unsafe curl_multi_add_handle(raw, transfer.raw)
            guard status != CURLM_OK else { return }
            unsafe transfers[transfer.raw] = nil
            transfer.finish(.failure(HTTPError(.invalid, "\(request.url): libcurl does not take the request")))
        }
        return try answer.get()
    }

    /// Fails what is under way. Idempotent.
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        let ended = unsafe Array(transfers.values)
        unsafe transfers = [:]
        for transfer in ended {
            unsafe curl_multi_remove_handle(raw, transfer.raw)
            transfer.finish(.failure(HTTPError(.closed, "the client is closed")))
        }
        unsafe curl_multi_cleanup(raw)
        for watcher in watchers.values { watcher.close() }
        watchers = [:]
        timer?.close()
    }

    /// Lets libcurl go on, and hands out what has ended.
    private func act(on socket: Int32?, _ ready: Int32) {
        guard !isClosed else { return }
        var running: Int32 = 0
        // What goes wrong is told by the transfer that it goes wrong for.
        unsafe _ = curl_multi_socket_action(raw, socket ?? CURL_SOCKET_BAD, ready, &running)
        var result = CURLE_OK
        while let ended = unsafe shoal_curl_next_ended(raw, &result) {
            unsafe curl_multi_remove_handle(raw, ended)
            unsafe transfers.removeValue(forKey: ended)?.finish(result)
        }
    }

    fileprivate func want(_ what: Int32, of socket: Int32) {
        guard !isClosed, what != CURL_POLL_REMOVE else {
            watchers.removeValue(forKey: socket)?.close()
            return
        }
        guard let watcher = watchers[socket] ?? watch(socket) else { return }
        switch what {
        case CURL_POLL_IN: watcher.watch(for: .readable)
        case CURL_POLL_OUT: watcher.watch(for: .writable)
        default: watcher.watch(for: [.readable, .writable])
        }
    }

    /// Nil if the loop cannot watch it; the transfer then ends at its deadline.
    private func watch(_ socket: Int32) -> DescriptorWatcher? {
        let watcher = try? DescriptorWatcher(descriptor: socket) { [weak self] ready in
            var flags: Int32 = 0
            if ready.contains(.readable) { flags |= CURL_CSELECT_IN }
            if ready.contains(.writable) { flags |= CURL_CSELECT_OUT }
            if ready.contains(.broken) { flags |= CURL_CSELECT_ERR }
            self?.act(on: socket, flags)
        }
        watchers[socket] = watcher
        return watcher
    }

    /// - Parameter milliseconds: negative for never.
    fileprivate func wake(after milliseconds: Int) {
        guard !isClosed else { return }
        if milliseconds < 0 { timer?.stop() } else { timer?.start(after: .milliseconds(milliseconds)) }
    }
}

private func clientWantsSocket(
    _ transfer: UnsafeMutableRawPointer?, _ socket: Int32, _ what: Int32, _ owner: UnsafeMutableRawPointer?,
    _ socketOwner: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe LoopActor.enter(owner) { owner in
        guard let owner = unsafe owner else { preconditionFailure("libcurl lost its owner") }
        unsafe Unmanaged<HTTPClient>.fromOpaque(owner).takeUnretainedValue().want(what, of: socket)
        return 0
    }
}

private func clientWantsTimer(
    _ transfers: UnsafeMutableRawPointer?, _ milliseconds: Int, _ owner: UnsafeMutableRawPointer?
) -> Int32 {
    unsafe LoopActor.enter(owner) { owner in
        guard let owner = unsafe owner else { preconditionFailure("libcurl lost its owner") }
        unsafe Unmanaged<HTTPClient>.fromOpaque(owner).takeUnretainedValue().wake(after: milliseconds)
        return 0
    }
}
