internal import CLibuv
internal import Glibc
public import Units

/// Turns names into addresses, by the system's resolver on the pool.
@LoopActor public enum Resolver {
    /// The host's addresses, in the system's order, at most `Limits.resolvedEndpointCountMax`. An address is its own
    /// answer.
    ///
    /// - Throws: `.notFound` for a name that does not exist, `.timedOut` after `Limits.resolveMillisecondsMax`.
    public static func resolve(_ peer: HostPort) async throws(LoopError) -> [Endpoint] {
        if let address = IPAddress(parsing: peer.host) { return [Endpoint(address: address, port: peer.port)] }
        let answer = await withCheckedContinuation { continuation in
            Query(peer, continuation).start()
        }
        return try answer.get()
    }
}

/// One question: asked → answered, by the resolver or by the deadline.
@LoopActor private final class Query {
    typealias Answer = Result<[Endpoint], LoopError>
    private let peer: HostPort
    private var continuation: CheckedContinuation<Answer, Never>?
    private var timer: LoopTimer?

    init(_ peer: HostPort, _ continuation: CheckedContinuation<Answer, Never>) {
        self.peer = peer
        self.continuation = continuation
    }

    func start() {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family = AF_UNSPEC
        let request = UnsafeMutablePointer<uv_getaddrinfo_t>.allocate(capacity: 1)
        // libuv holds the +1 until queryDidFinish.
        unsafe request.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let loop = unsafe LoopExecutor.shared.wakeup.loop
        let status = unsafe uv_getaddrinfo(loop, request, queryDidFinish, peer.host, nil, &hints)
        guard status == 0 else {
            unsafe Unmanaged.passUnretained(self).release()
            unsafe request.deallocate()
            return finish(.failure(LoopError(status: status, "resolve", peer.host)))
        }
        let timer = LoopTimer { [weak self] in self?.timeOut() }
        timer.start(after: .milliseconds(Limits.resolveMillisecondsMax))
        self.timer = timer
    }

    /// The pool thread goes on until the system's resolver gives up; its answer is dropped.
    private func timeOut() {
        finish(.failure(LoopError(.timedOut, "resolve", "\(peer.host): the name service does not answer")))
    }

    func didFinish(_ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?) {
        if status < 0 { return finish(.failure(LoopError(status: status, "resolve", peer.host))) }
        var endpoints: [Endpoint] = []
        var next = unsafe list
        while let entry = unsafe next, endpoints.count < Limits.resolvedEndpointCountMax {
            if let address = unsafe entry.pointee.ai_addr, let found = unsafe SocketAddress.endpoint(address) {
                let endpoint = Endpoint(address: found.address, port: peer.port)
                if !endpoints.contains(endpoint) { endpoints.append(endpoint) }
            }
            unsafe next = entry.pointee.ai_next
        }
        finish(
            endpoints.isEmpty
                ? .failure(LoopError(.notFound, "resolve", "\(peer.host): it has no address")) : .success(endpoints))
    }

    private func finish(_ answer: Answer) {
        timer?.close()
        continuation?.resume(returning: answer)
        continuation = nil
    }
}

private func queryDidFinish(
    _ request: UnsafeMutablePointer<uv_getaddrinfo_t>?, _ status: Int32, _ list: UnsafeMutablePointer<addrinfo>?
) {
    unsafe LoopActor.enter((request, list)) { pair in
        guard let data = unsafe pair.0?.pointee.data else { preconditionFailure("a query lost its data") }
        let query = unsafe Unmanaged<Query>.fromOpaque(data).takeRetainedValue()
        unsafe pair.0?.deallocate()
        unsafe query.didFinish(status, pair.1)
        unsafe uv_freeaddrinfo(pair.1)
    }
}
