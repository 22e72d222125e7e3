internal import COpenSSL
public import Units

/// What a handshake needs next.
public enum TLSStep: Hashable, Sendable {
    /// The session is open.
    case done
    /// Send `takeOutput()`, then feed what the peer answers.
    case needsPeerBytes
    /// It is over: send `takeOutput()`, which holds the alert, and close the transport.
    case failed(TLSError)
}

/// What reading needs next.
public enum TLSReadStep: Hashable, Sendable {
    /// All that was there has been handed out.
    case needsPeerBytes
    /// The peer has said that it sends no more.
    case closed
    /// It is over: send `takeOutput()`, which holds the alert, and close the transport.
    case failed(TLSError)
}

/// One end of a TLS 1.3 connection over memory. Confined to its owner, who moves ciphertext between it and a socket.
///
/// handshaking → open → failed; handshaking → failed. A failure is final. After every call send `takeOutput()`.
@safe
public final class TLSSession {
    enum State {
        case handshaking
        case open
        case failed(TLSError)
    }

    let context: TLSContext
    let handle: OpaquePointer
    let buffers = TLSBuffers(outputByteCountMax: Limits.tlsOutputByteCountMax)
    var state = State.handshaking
    private var plaintext: RawBuffer?
    private var isReading = false
    private var hasClosed = false
    private var isClosedByPeer = false
    private var byteCountUnderKey = 0

    /// What the two ends speak. Nil until the handshake is done.
    public internal(set) var negotiatedProtocol: TLSProtocol?
    /// The peer's certificate, verified. Nil until the handshake is done, and for a newcomer.
    public internal(set) var peerCertificate: Certificate?
    /// Who the peer is. Nil until the handshake is done, and for a newcomer.
    public internal(set) var peerIdentity: NodeIdentityFields?

    /// A session that has sent nothing yet: call `handshake()`.
    /// - Throws: `.failed` if OpenSSL has no memory.
    public init(_ context: TLSContext) throws(TLSError) {
        OpenSSL.clearErrors()
        guard let handle = unsafe SSL_new(context.handle) else {
            throw .drained(verdict: 0, otherwise: "OpenSSL made no session")
        }
        self.context = context
        unsafe self.handle = unsafe handle
        guard let bio = unsafe buffers.makeBIO() else { throw TLSError(.failed, "OpenSSL made no BIO") }
        unsafe SSL_set_bio(handle, bio, bio)
        if context.isServer { unsafe SSL_set_accept_state(handle) } else { unsafe SSL_set_connect_state(handle) }
    }

    deinit { unsafe SSL_free(handle) }

    /// True from the end of the handshake until a failure.
    public var isOpen: Bool { if case .open = state { true } else { false } }

    /// Ciphertext that waits to be sent.
    public var pendingOutputByteCount: Int { buffers.outputByteCount }

    /// Moves the ciphertext out that is to be sent to the peer, in order. Nil if there is none.
    public func takeOutputBuffer() -> RawBuffer? { buffers.takeOutput() }

    /// The same, copied into an array.
    public func takeOutput() -> [UInt8] { buffers.takeOutput().map { unsafe [UInt8]($0.contents) } ?? [] }

    /// Lends memory for the output that comes next, so that none is made; it comes back as `takeOutputBuffer()`. The
    /// session lets go of it if it needs a larger one, and has no use for it if there is output already.
    public func lendOutputBuffer(_ buffer: RawBuffer) { buffers.lendOutput(buffer) }

    /// What `write` needs room for: records add a header, a type and a tag, 22 bytes; a key update and a close_notify
    /// fit into the rest.
    public static func sealedByteCountMax(_ byteCount: Int) -> Int { byteCount + (byteCount / 16_384 + 1) * 22 + 256 }

    /// Feeds ciphertext from the peer; then call `handshake()` or `read`. It is copied: once the session is open,
    /// `read(from:)` saves that.
    /// - Throws: `.inputFull` beyond `Limits.tlsInputByteCountMax` that was not read. Nothing is fed: close the peer.
    public func receive(_ ciphertext: borrowing RawSpan) throws(TLSError) {
        guard buffers.keptByteCount + ciphertext.byteCount <= Limits.tlsInputByteCountMax else {
            throw TLSError(.inputFull, "more than \(Limits.tlsInputByteCountMax) bytes were fed and not read")
        }
        unsafe ciphertext.withUnsafeBytes { unsafe buffers.keep($0) }
    }

    /// Opens records into `room` until it is full or the input is used up: nothing else of this session may be called
    /// meanwhile. Between two calls it may be written and closed.
    ///
    /// A peer's refusal of our certificate comes out here, after the handshake was done.
    /// - Returns: how many bytes came, also with a step; the step is nil if `room` is full.
    /// - Precondition: the handshake is done, or failed.
    public func read(into room: UnsafeMutableRawBufferPointer) -> (byteCount: Int, step: TLSReadStep?) {
        if case .failed(let error) = state { return (0, .failed(error)) }
        precondition(isOpen, "read before the handshake is done")
        if isClosedByPeer { return (0, .closed) }
        OpenSSL.clearErrors()
        var stop: Int32 = 0
        let count = unsafe shoal_tls_open(handle, room.baseAddress, room.count, &stop)
        switch stop {
        case 0: return (count, nil)
        case SSL_ERROR_WANT_READ: return (count, .needsPeerBytes)
        case SSL_ERROR_ZERO_RETURN:
            isClosedByPeer = true
            buffers.dropInput()
            return (count, .closed)
        default: return (count, .failed(fail("the session broke")))
        }
    }

    /// Feeds ciphertext without a copy for the length of `body`, which reads until it gets a step.
    public func lending<T>(_ ciphertext: borrowing RawSpan, _ body: () -> T) -> T {
        unsafe ciphertext.withUnsafeBytes { bytes in unsafe buffers.lending(bytes, body) }
    }

    /// Hands out all plaintext there is, in pieces that are good for the length of one call of `onPlaintext`.
    ///
    /// `onPlaintext` may write and close, but not read.
    /// - Precondition: the handshake is done, or failed.
    public func read(_ onPlaintext: (borrowing RawSpan) -> Void) -> TLSReadStep {
        precondition(!isReading, "read within read")
        isReading = true
        defer { isReading = false }
        let buffer = plaintext ?? RawBuffer(capacity: Limits.tlsPlaintextByteCount)
        plaintext = buffer
        while true {
            buffer.reset(limit: buffer.capacity)
            let (count, step) = unsafe read(into: buffer.room)
            buffer.didFill(count)
            if count > 0 { unsafe onPlaintext(buffer.contents.bytes) }
            if case .failed(let error) = state { return .failed(error) }
            if let step { return step }
        }
    }

    /// Feeds ciphertext and hands out plaintext as `read` does, without a copy of the ciphertext.
    public func read(
        from ciphertext: borrowing RawSpan, _ onPlaintext: (borrowing RawSpan) -> Void
    ) -> TLSReadStep {
        lending(ciphertext) { read(onPlaintext) }
    }

    /// Seals plaintext, in records of 16 KiB, at the end of the output.
    /// - Throws: `.outputFull`, and nothing is sealed, if too much waits to be sent; `.closed` after `close()`; what
    ///   the session failed with.
    /// - Precondition: the handshake is done, or failed.
    public func write(_ plaintext: borrowing RawSpan) throws(TLSError) {
        if case .failed(let error) = state { throw error }
        precondition(isOpen, "write before the handshake is done")
        guard !hasClosed else { throw TLSError(.closed, "the session is closed") }
        guard plaintext.byteCount > 0 else { return }
        let sealedByteCount = Self.sealedByteCountMax(plaintext.byteCount)
        guard pendingOutputByteCount + sealedByteCount <= Limits.tlsOutputByteCountMax else {
            throw TLSError(.outputFull, "\(pendingOutputByteCount) bytes wait to be sent")
        }
        buffers.reserveOutput(sealedByteCount)
        OpenSSL.clearErrors()
        updateKeyIfDue(before: plaintext.byteCount)
        let isWritten = unsafe plaintext.withUnsafeBytes { unsafe shoal_tls_seal(handle, $0.baseAddress, $0.count) }
        guard isWritten == 1 else { throw fail("the session broke") }
    }

    /// The same, of an array.
    public func write(_ plaintext: [UInt8]) throws(TLSError) { try unsafe write(plaintext.span.bytes) }

    private func updateKeyIfDue(before byteCount: Int) {
        byteCountUnderKey += byteCount
        guard byteCountUnderKey > context.configuration.keyUpdateByteCount else { return }
        byteCountUnderKey = byteCount
        // The message itself goes out before the next record.
        unsafe SSL_key_update(handle, SSL_KEY_UPDATE_NOT_REQUESTED)
    }

    /// Says that we send no more (close_notify). Reading goes on until the peer closes too. Idempotent.
    public func close() {
        guard isOpen, !hasClosed else { return }
        hasClosed = true
        OpenSSL.clearErrors()
        unsafe SSL_shutdown(handle)
        OpenSSL.clearErrors()
    }

    /// Tells that the transport has ended.
    /// - Returns: nil if the peer had closed the session first; else `.truncated`, or what it failed with before.
    public func endOfStream() -> TLSError? {
        if case .failed(let error) = state { return error }
        guard !isClosedByPeer else { return nil }
        let error = TLSError(.truncated, "the connection ended without a goodbye")
        state = .failed(error)
        return error
    }

    /// Takes OpenSSL's reason and makes the failure final.
    func fail(_ otherwise: String) -> TLSError {
        let verdict = unsafe SSL_get_verify_result(handle)
        let error = TLSError.drained(verdict: verdict, otherwise: otherwise)
        state = .failed(error)
        buffers.dropInput()
        return error
    }
}
