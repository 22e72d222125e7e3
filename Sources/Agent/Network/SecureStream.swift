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
    /// What was sent in this turn of the loop and is not sealed yet: small frames share a record and a system call.
    private var gathered: [UInt8] = []
    private var isTurnEndAwaited = false

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

    /// What the kernel has not taken yet.
    var queuedByteCount: Int { stream.queuedByteCount + gathered.count }

    /// The same with what it costs to keep it queued.
    var queuedCost: Int { queuedByteCount + stream.queuedWriteCount * Limits.queuedWriteByteCount }

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
        sealGathered()
        guard !isClosed else { return }
        stream.write([]) { [weak self] error in
            guard error == nil, let self, !isClosed else { return }
            then()
        }
    }

    /// Encrypts and sends, at the end of this turn of the loop at the latest.
    func send(_ plaintext: [UInt8]) {
        guard isOpen, !isClosed else { return }
        gathered.append(contentsOf: plaintext)
        guard gathered.count < Limits.gatheredByteCountMax else { return sealGathered() }
        guard !isTurnEndAwaited else { return }
        isTurnEndAwaited = true
        LoopTurn.callAtEnd(self)
    }

    /// Encrypts and sends at once, behind all that was sent before. `then` is called once the kernel has taken the
    /// bytes, or never if the stream ends first.
    func send(_ plaintext: [UInt8], then: @escaping @LoopActor () -> Void) {
        guard isOpen, !isClosed else { return }
        do throws(TLSError) {
            try seal(plaintext)
            flush(then: then)
        } catch {
            fail(error)
        }
    }

    private func sealGathered() {
        guard isOpen, !isClosed, !gathered.isEmpty else { return }
        do throws(TLSError) {
            try seal([])
            flush()
        } catch {
            fail(error)
        }
    }

    /// What was gathered goes first, in records of its own: those of bulk frames stay as they are.
    private func seal(_ plaintext: [UInt8]) throws(TLSError) {
        if session.pendingOutputByteCount == 0 {
            let sealedByteCount =
                TLSSession.sealedByteCountMax(gathered.count) + TLSSession.sealedByteCountMax(plaintext.count)
            session.lendOutputBuffer(ByteStream.spareBuffers.take(limit: sealedByteCount))
        }
        if !gathered.isEmpty {
            try session.write(gathered)
            gathered.removeAll(keepingCapacity: gathered.capacity <= Limits.gatheredByteCountKept)
        }
        try session.write(plaintext)
    }

    /// Sends what is queued, tells the peer, and closes.
    func closeGracefully() {
        guard !isClosed else { return }
        sealGathered()
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
        guard let sink else { return session.read { [weak self] in self?.deliver($0) } }
        while !isClosed {
            let (byteCount, step) = unsafe session.read(into: sink.room())
            if byteCount > 0 { sink.didFill(byteCount) }
            guard let step else { continue }
            if !isClosed { sink.didReadAll() }
            return step
        }
        return .needsPeerBytes
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
        gathered = []
        onOpen = nil
        onPlaintext = nil
        onEnd = nil
    }
}

extension SecureStream: LoopTurnObserver {
    func turnDidEnd() {
        isTurnEndAwaited = false
        sealGathered()
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
