internal import Crypto
internal import EventLoop
internal import Units

/// A TCP connection with TLS on it: ciphertext below, plaintext above.
///
/// handshaking → open → closed. Nothing is delivered before the handshake is complete, and nothing after `close`.
@LoopActor
final class SecureStream {
    /// Why a stream ended.
    enum End: Sendable {
        /// The peer closed.
        case closed
        /// TLS refused, on either side.
        case refused(TLSError)
        /// The socket failed.
        case failed(LoopError)
    }

    private let stream: ByteStream
    private let session: TLSSession
    private var isOpen = false
    private var isClosed = false
    private var onOpen: (@LoopActor () -> Void)?
    private var onPlaintext: (@LoopActor (borrowing RawSpan) -> Void)?
    private var onEnd: (@LoopActor (End) -> Void)?
    /// Takes all plaintext from now on, in the place of `onPlaintext`.
    weak var sink: (any PlaintextSink)?

    init(_ stream: ByteStream, _ session: TLSSession) {
        self.stream = stream
        self.session = session
    }

    /// The other end's address.
    var peerEndpoint: Endpoint? { stream.peer }

    /// The connection beneath, to be looked at and tuned; bytes go through this type only.
    var transport: ByteStream { stream }

    /// This end's address.
    var localAddress: IPAddress? { stream.local?.address }

    /// Who the certificate says that the peer is; nil before the handshake, and for a newcomer that joins.
    var peerIdentity: NodeIdentityFields? { session.peerIdentity }

    /// The peer's own certificate, once there is one.
    var peerCertificate: Certificate? { session.peerCertificate }

    /// What ALPN chose.
    var applicationProtocol: TLSProtocol? { session.negotiatedProtocol }

    /// Ciphertext that the kernel has not taken yet.
    var queuedByteCount: Int { stream.queuedByteCount }

    /// The same with what it costs to keep it queued.
    var queuedCost: Int { stream.queuedByteCount + stream.queuedWriteCount * Limits.queuedWriteByteCount }

    /// Keying material that both ends of this connection share.
    func exporter(label: String, byteCount: Int) throws(TLSError) -> [UInt8] {
        try session.exporter(label: label, byteCount: byteCount)
    }

    /// Begins the handshake.
    func start(
        onOpen: @escaping @LoopActor () -> Void, onPlaintext: @escaping @LoopActor (borrowing RawSpan) -> Void,
        onEnd: @escaping @LoopActor (End) -> Void
    ) {
        self.onOpen = onOpen
        self.onPlaintext = onPlaintext
        self.onEnd = onEnd
        stream.startReading(
            onBytes: { [weak self] in self?.receive($0) },
            onEnd: { [weak self] error in self?.end(error.map { .failed($0) } ?? .closed) })
        advanceHandshake()
    }

    /// Stops reading until `resume`, so that the peer is slowed down by TCP.
    func pause() { stream.pauseReading() }

    /// Goes on reading.
    func resume() { stream.resumeReading() }

    /// Calls back once the kernel has taken all that is queued; never if the stream ends first.
    func whenFlushed(_ then: @escaping @LoopActor () -> Void) {
        guard !isClosed else { return }
        stream.write([]) { [weak self] error in
            guard error == nil, let self, !isClosed else { return }
            then()
        }
    }

    /// Encrypts and sends. `then` is called once the kernel has taken the bytes, or never if the stream ends first.
    func send(_ plaintext: [UInt8], then: (@LoopActor () -> Void)? = nil) {
        guard isOpen, !isClosed else { return }
        if session.pendingOutputByteCount == 0 {
            let sealedByteCount = TLSSession.sealedByteCountMax(plaintext.count)
            session.lendOutputBuffer(ByteStream.spareBuffers.take(limit: sealedByteCount))
        }
        do throws(TLSError) {
            try session.write(plaintext)
            flush(then: then)
        } catch {
            fail(error)
        }
    }

    /// Sends what is queued, tells the peer, and closes.
    func closeGracefully() {
        guard !isClosed else { return }
        if isOpen {
            session.close()
            flush()
        }
        forgetCallbacks()
        stream.shutdownThenClose()
    }

    /// Drops everything.
    func close() {
        guard !isClosed else { return }
        forgetCallbacks()
        stream.close()
    }

    private func receive(_ ciphertext: borrowing RawSpan) {
        guard !isClosed else { return }
        guard !isOpen else {
            return finishReading(session.lending(ciphertext) { drain() })
        }
        do throws(TLSError) {
            try session.receive(ciphertext)
            advanceHandshake()
        } catch {
            fail(error)
        }
    }

    private func advanceHandshake() {
        switch session.handshake() {
        case .needsPeerBytes: flush()
        case .failed(let error): fail(error)
        case .done:
            isOpen = true
            flush()
            onOpen?()
            guard !isClosed else { return }
            finishReading(drain())
        }
    }

    /// Opens all that there is, into the places that the sink names.
    private func drain() -> TLSReadStep {
        while let sink, !isClosed {
            let (byteCount, step) = unsafe session.read(into: sink.room())
            if byteCount > 0 { sink.didFill(byteCount) }
            guard let step else { continue }
            if !isClosed { sink.didReadAll() }
            return step
        }
        guard !isClosed else { return .needsPeerBytes }
        return session.read { [weak self] in self?.deliver($0) }
    }

    private func deliver(_ plaintext: borrowing RawSpan) {
        guard !isClosed else { return }
        onPlaintext?(plaintext)
    }

    private func finishReading(_ step: TLSReadStep) {
        guard !isClosed else { return }
        flush()
        switch step {
        case .needsPeerBytes: break
        case .closed: end(.closed)
        case .failed(let error): fail(error)
        }
    }

    private func fail(_ error: TLSError) {
        flush()  // the alert that tells the peer why
        end(error.code == .closed ? .closed : .refused(error))
    }

    private func flush(then: (@LoopActor () -> Void)? = nil) {
        guard let output = session.takeOutputBuffer() else {
            then?()
            return
        }
        guard let then else { return stream.write(output) }
        stream.write(output) { [weak self] error in
            guard error == nil, let self, !isClosed else { return }
            then()
        }
    }

    private func end(_ reason: End) {
        guard !isClosed else { return }
        let report = onEnd
        forgetCallbacks()
        stream.shutdownThenClose()
        report?(reason)
    }

    private func forgetCallbacks() {
        isClosed = true
        onOpen = nil
        onPlaintext = nil
        onEnd = nil
    }
}

/// Who says where plaintext goes, so that it is opened to where it belongs.
@LoopActor
protocol PlaintextSink: AnyObject {
    /// Where the next bytes go. Never empty.
    func room() -> UnsafeMutableRawBufferPointer
    /// That many bytes were put there.
    func didFill(_ byteCount: Int)
    /// All that came at once has been handed out.
    func didReadAll()
}
