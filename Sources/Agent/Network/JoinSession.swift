internal import Crypto
internal import EventLoop
internal import Trust
internal import Units

/// A newcomer's connection to the issuer, as a conversation that can be awaited. It is over after
/// `handshakeSeconds`, whatever happens.
@LoopActor
final class JoinSession {
    /// What the issuer said.
    enum Answer: Sendable {
        case granted(certificate: [UInt8], root: [UInt8])
    }

    private let stream: SecureStream
    private var reader = JoinMessageReader()
    private var grant: (certificate: [UInt8], rootByteCount: Int, partsLeft: Int)?
    private var root: [UInt8] = []
    private var outcome: Result<Answer, TrustError>?
    private var isOpen = false
    private var openWaiter: CheckedContinuation<Void, Never>?
    private var answerWaiter: CheckedContinuation<Void, Never>?
    private let deadline = DeadlineBox()

    init(_ stream: SecureStream) { self.stream = stream }

    /// Completes the handshake, and checks that the token's issuer answers.
    func open(expecting token: JoinToken) async throws(TrustError) -> [UInt8] {
        deadline.start(after: .seconds(Limits.handshakeSeconds)) { [weak self] in
            self?.fail("the agent did not answer within \(Limits.handshakeSeconds) s")
        }
        await withCheckedContinuation { continuation in
            openWaiter = continuation
            stream.start(
                onOpen: { [weak self] in self?.opened() }, onPlaintext: { [weak self] in self?.receive($0) },
                onEnd: { [weak self] in self?.ended($0) })
        }
        if case .failure(let error)? = outcome { throw error }
        guard let identity = stream.peerIdentity, identity.node == token.issuer, identity.cluster == token.cluster
        else {
            throw TrustError(
                unreachable: "another agent answers at this address than the one that made the token; check --peer")
        }
        do throws(TLSError) {
            return try stream.exporter(label: JoinRequest.exporterLabel, byteCount: JoinRequest.exporterByteCount)
        } catch {
            throw TrustError(unreachable: error.description)
        }
    }

    func send(_ message: JoinMessage) { stream.send(message.encode()) }

    /// Waits for the grant and the whole root.
    func answer() async throws(TrustError) -> Answer {
        if outcome == nil { await withCheckedContinuation { answerWaiter = $0 } }
        guard let outcome else { preconditionFailure("woken without an outcome") }
        return try outcome.get()
    }

    func close() {
        deadline.close()
        stream.close()
    }

    private func opened() {
        isOpen = true
        openWaiter?.resume()
        openWaiter = nil
    }

    private func receive(_ plaintext: borrowing RawSpan) {
        do throws(DecodingError) {
            try reader.append(unsafe plaintext.withUnsafeBytes { unsafe Array($0) })
            while outcome == nil, let message = try reader.next() { take(message) }
        } catch {
            fail("the agent's answer is malformed: \(error)")
        }
    }

    private func take(_ message: JoinMessage) {
        switch message {
        case .refusal(let refusal, let text): finish(.failure(TrustError(refusedWith: refusal, text)))
        case .grant(let certificate, let rootByteCount, let partCount):
            guard grant == nil else { return fail("the agent granted twice") }
            grant = (certificate, rootByteCount, partCount)
        case .root(let part):
            guard let open = grant, open.partsLeft > 0, root.count + part.count <= open.rootByteCount else {
                return fail("the agent's answer is out of order")
            }
            root += part
            grant?.partsLeft -= 1
            if open.partsLeft == 1 { finish(.success(.granted(certificate: open.certificate, root: root))) }
        case .request: fail("the agent asked to join us")
        }
    }

    private func ended(_ end: SecureStream.End) {
        switch end {
        case .closed: fail("the agent closed the connection; is it the one that made the token?")
        case .failed(let error): fail(error.detail)
        case .refused(let error) where error.code == .wrongProtocol:
            fail("the agent there holds no CA key; join through the node that made the token")
        case .refused(let error): fail(error.description)
        }
    }

    private func fail(_ text: String) { finish(.failure(TrustError(unreachable: text))) }

    private func finish(_ result: Result<Answer, TrustError>) {
        guard outcome == nil else { return }
        outcome = result
        deadline.close()
        openWaiter?.resume()
        answerWaiter?.resume()
        openWaiter = nil
        answerWaiter = nil
    }
}

/// A one-shot timer whose action is given when it starts.
@LoopActor
final class DeadlineBox {
    private var timer: LoopTimer?

    func start(after delay: Duration, _ action: @escaping @LoopActor () -> Void) {
        timer?.close()
        let timer = LoopTimer(action)
        timer.start(after: delay)
        self.timer = timer
    }

    func close() {
        timer?.close()
        timer = nil
    }
}
