internal import CCurl
internal import EventLoop
internal import Units

/// One request under way. Owns libcurl's handle and the list of headers, and frees both.
///
/// made → given to libcurl (`answer` is set) → finished, once.
@LoopActor @safe final class HTTPTransfer {
    typealias Answer = Result<HTTPResponse, HTTPError>
    let raw: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    private let url: String
    private var body: [UInt8] = []
    private var isTooLarge = false
    private var answer: CheckedContinuation<Answer, Never>?

    init(_ request: HTTPRequest) throws(HTTPError) {
        url = request.url
        guard let raw = unsafe curl_easy_init() else { throw HTTPError(.invalid, "libcurl makes no handle") }
        unsafe self.raw = raw
        guard request.url.utf8.count <= Limits.httpURLByteCountMax, !request.url.utf8.contains(0),
            unsafe shoal_curl_prepare(
                raw, request.url, Int(Self.milliseconds(min(request.deadline, Self.connectTime))),
                Int(Self.milliseconds(request.deadline))) == 1
        else { throw HTTPError(.invalid, "\(request.url) is no address of a server") }
        try add(request.headers)
        if let sent = request.body {
            let isTaken = unsafe sent.withUnsafeBytes { bytes in
                // Without a byte there is no address; libcurl wants one.
                unsafe shoal_curl_set_body(raw, bytes.baseAddress ?? UnsafeRawPointer(raw), bytes.count)
            }
            guard isTaken == 1 else { throw HTTPError(.invalid, "\(url): a body of \(sent.count) bytes") }
        }
        // libcurl calls back only between `begin` and `finish`, while the client holds this object.
        let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
        guard unsafe shoal_curl_set_writer(raw, transferHasBytes, owner) == 1 else {
            throw HTTPError(.invalid, "libcurl takes no callback")
        }
    }

    isolated deinit {
        unsafe curl_easy_cleanup(raw)
        unsafe curl_slist_free_all(headers)
    }

    private static let connectTime = Duration.seconds(Limits.httpConnectSeconds)

    /// Zero would mean: for ever.
    private static func milliseconds(_ duration: Duration) -> Int64 { max(1, duration.wholeNanoseconds / 1_000_000) }

    private func add(_ fields: [String: String]) throws(HTTPError) {
        for name in fields.keys.sorted() {
            let line = "\(name): \(fields[name] ?? "")"
            guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw HTTPError(.invalid, "the header \(name) holds a control character")
            }
            guard let list = unsafe curl_slist_append(headers, line) else {
                throw HTTPError(.invalid, "libcurl has no memory for a header")
            }
            unsafe headers = list
        }
        guard unsafe shoal_curl_set_headers(raw, headers) == 1 else {
            throw HTTPError(.invalid, "libcurl takes no headers")
        }
    }

    func begin(_ answer: CheckedContinuation<Answer, Never>) { self.answer = answer }

    /// The number of bytes taken; any other than `bytes.count` ends the transfer.
    fileprivate func take(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard body.count + bytes.count <= Limits.httpBodyByteCountMax else {
            isTooLarge = true
            return 0
        }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    /// libcurl is done with it.
    func finish(_ result: CURLcode) {
        if result == CURLE_OK {
            let status = unsafe Int(shoal_curl_status(raw))
            return finish(.success(HTTPResponse(status: status, body: body)))
        }
        let words = unsafe curl_easy_strerror(result).map { unsafe String(cString: $0) } ?? "unknown error"
        finish(.failure(HTTPError(isTooLarge ? .tooLarge : Self.code(of: result), "\(url): \(words)")))
    }

    func finish(_ result: Answer) {
        answer?.resume(returning: result)
        answer = nil
    }

    private static func code(of result: CURLcode) -> HTTPError.Code {
        switch result {
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_FUNCTION_ARGUMENT: .invalid
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST, CURLE_PEER_FAILED_VERIFICATION,
            CURLE_SSL_CONNECT_ERROR:
            .refused
        case CURLE_OPERATION_TIMEDOUT: .timedOut
        default: .broken
        }
    }
}

private func transferHasBytes(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ owner: UnsafeMutableRawPointer?
) -> Int {
    unsafe LoopActor.enter((bytes, owner)) { pair in
        guard let owner = unsafe pair.1 else { preconditionFailure("a transfer lost its owner") }
        let transfer = unsafe Unmanaged<HTTPTransfer>.fromOpaque(owner).takeUnretainedValue()
        return unsafe transfer.take(UnsafeRawBufferPointer(start: pair.0, count: size * count))
    }
}
