internal import COpenSSL
internal import Units

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
    private var plaintext = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
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

    deinit {
        unsafe SSL_free(handle)
        unsafe plaintext.deallocate()
    }

    /// True from the end of the handshake until a failure.
    public var isOpen: Bool { if case .open = state { true } else { false } }

    /// Ciphertext that waits to be sent.
    public var pendingOutputByteCount: Int { buffers.output.count }

    /// Moves the ciphertext out that is to be sent to the peer, in order.
    public func takeOutput() -> [UInt8] { buffers.takeOutput() }

    /// Feeds ciphertext from the peer; then call `handshake()` or `read`. It is copied: once the session is open,
    /// `read(from:)` saves that.
    /// - Throws: `.inputFull` beyond `Limits.tlsInputByteCountMax` that was not read. Nothing is fed: close the peer.
    public func receive(_ ciphertext: borrowing RawSpan) throws(TLSError) {
        guard buffers.keptByteCount + ciphertext.byteCount <= Limits.tlsInputByteCountMax else {
            throw TLSError(.inputFull, "more than \(Limits.tlsInputByteCountMax) bytes were fed and not read")
        }
        unsafe ciphertext.withUnsafeBytes { unsafe buffers.keep($0) }
    }

    /// Hands out all plaintext there is, in pieces that are good for the length of one call of `onPlaintext`.
    ///
    /// `onPlaintext` may write and close, but not read. A peer's refusal of our certificate comes out here, after the
    /// handshake was done.
    /// - Precondition: the handshake is done, or failed.
    public func read(_ onPlaintext: (borrowing RawSpan) -> Void) -> TLSReadStep {
        precondition(!isReading, "read within read")
        if case .failed(let error) = state { return .failed(error) }
        precondition(isOpen, "read before the handshake is done")
        if isClosedByPeer { return .closed }
        isReading = true
        defer { isReading = false }
        if unsafe plaintext.baseAddress == nil {
            unsafe plaintext = .allocate(byteCount: Limits.tlsPlaintextByteCount, alignment: 16)
        }
        while true {
            let (count, step) = fillPlaintext()
            if count > 0 { unsafe onPlaintext(UnsafeRawBufferPointer(rebasing: plaintext[..<count]).bytes) }
            if case .failed(let error) = state { return .failed(error) }
            if let step { return step }
        }
    }

    /// Feeds ciphertext and hands out plaintext as `read` does, without a copy of the ciphertext.
    public func read(
        from ciphertext: borrowing RawSpan, _ onPlaintext: (borrowing RawSpan) -> Void
    ) -> TLSReadStep {
        unsafe ciphertext.withUnsafeBytes { bytes in
            unsafe buffers.lending(bytes) { read(onPlaintext) }
        }
    }

    /// Decrypts record after record into the one buffer; the step is nil if that is full. It is settled here, since
    /// whatever the owner does with the plaintext may change OpenSSL's state.
    private func fillPlaintext() -> (count: Int, step: TLSReadStep?) {
        var count = 0
        OpenSSL.clearErrors()
        while unsafe count < plaintext.count {
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: plaintext[count...])
            let result = unsafe SSL_read(handle, room.baseAddress, Int32(room.count))
            guard result <= 0 else {
                count += Int(result)
                continue
            }
            switch unsafe SSL_get_error(handle, result) {
            case SSL_ERROR_WANT_READ: return (count, .needsPeerBytes)
            case SSL_ERROR_ZERO_RETURN:
                isClosedByPeer = true
                buffers.dropInput()
                return (count, .closed)
            default: return (count, .failed(fail("the session broke")))
            }
        }
        return (count, nil)
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
        // A record adds a header, a type and a tag: 22 bytes. A key update and a close_notify fit into the rest.
        let sealedByteCount = plaintext.byteCount + (plaintext.byteCount / 16_384 + 1) * 22 + 256
        guard pendingOutputByteCount + sealedByteCount <= Limits.tlsOutputByteCountMax else {
            throw TLSError(.outputFull, "\(pendingOutputByteCount) bytes wait to be sent")
        }
        buffers.reserveOutput(sealedByteCount)
        OpenSSL.clearErrors()
        updateKeyIfDue(before: plaintext.byteCount)
        let isWritten = unsafe plaintext.withUnsafeBytes { unsafe seal($0) }
        guard isWritten else { throw fail("the session broke") }
    }

    /// The same, of an array.
    public func write(_ plaintext: [UInt8]) throws(TLSError) { try unsafe write(plaintext.span.bytes) }

    private func seal(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = unsafe bytes
        while rest.count > 0 {
            let result = unsafe SSL_write(handle, rest.baseAddress, Int32(clamping: rest.count))
            guard result > 0 else { return false }
            unsafe rest = .init(rebasing: rest[Int(result)...])
        }
        return true
    }

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
