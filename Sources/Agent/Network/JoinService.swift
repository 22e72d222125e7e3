internal import Crypto
internal import EventLoop
internal import Logging
internal import Manifest
internal import Trust
internal import Units

/// The issuer's end of a joining connection: one request, one answer, then the end.
@LoopActor
final class JoinService {
    private let trust: Trust
    private let jobs: Jobs
    private let log: Logger
    private let quota = AdmissionQuota(
        countMax: Limits.joiningSocketCountMax, countPerAddressMax: Limits.joiningSocketCountPerAddressMax,
        patience: .seconds(Limits.handshakeSeconds))
    private var nextNumber = 0

    init(trust: Trust, jobs: Jobs, log: Logger) {
        self.trust = trust
        self.jobs = jobs
        self.log = log
    }

    /// Takes over a stream whose handshake chose `shoal-join/1`. Returns where its plaintext goes.
    func adopt(_ stream: SecureStream) -> JoinConversation {
        let conversation = JoinConversation(stream)
        quota.admit(conversation, from: stream.peerEndpoint?.address) { [weak self] in self?.drop(conversation) }
        conversation.onRequest = { [weak self] request in self?.answer(request, conversation) }
        conversation.onEnd = { [weak self] in self?.quota.release(conversation) }
        return conversation
    }

    /// Ends all of them.
    func close() { quota.close() }

    private func drop(_ conversation: JoinConversation) {
        log.info(
            "a joining connection took too long, or too many are open", metadata: ["from": "\(conversation.address)"])
        conversation.close()
    }

    private func answer(_ request: JoinRequest, _ conversation: JoinConversation) {
        guard let issuer = trust.issuer, let exporter = conversation.exporter else { return conversation.close() }
        nextNumber += 1
        jobs.start("join \(nextNumber)") { [trust, log] in
            let answer = await issuer.answer(
                request, exporter: exporter, root: trust.rootEnvelope, now: Clock.wallTime(),
                isDenied: { trust.denyList.isDenied($0) })
            if case .refusal(let refusal, let text)? = answer.first {
                log.notice(
                    "join refused: \(text)", metadata: ["from": "\(conversation.address)", "code": "\(refusal)"])
            } else {
                log.notice("a node joined", metadata: ["from": "\(conversation.address)", "name": "\(request.name)"])
            }
            conversation.finish(with: answer)
        }
    }
}

/// One newcomer's connection.
@LoopActor
final class JoinConversation {
    private let stream: SecureStream
    private var reader = JoinMessageReader()
    private var hasAsked = false
    var onRequest: (@LoopActor (JoinRequest) -> Void)?
    var onEnd: (@LoopActor () -> Void)?

    init(_ stream: SecureStream) { self.stream = stream }

    /// For logs.
    var address: String { stream.peerEndpoint?.description ?? "?" }

    /// What ties a request to this connection.
    var exporter: [UInt8]? {
        try? stream.exporter(label: JoinRequest.exporterLabel, byteCount: JoinRequest.exporterByteCount)
    }

    func receive(_ bytes: [UInt8]) {
        do throws(DecodingError) {
            try reader.append(bytes)
            guard let message = try reader.next() else { return }
            guard case .request(let request) = message, !hasAsked else { return close() }
            hasAsked = true
            onRequest?(request)
        } catch {
            // Whoever holds no token learns nothing.
            close()
        }
    }

    func finish(with answer: [JoinMessage]) {
        stream.send(answer.flatMap { $0.encode() })
        stream.closeGracefully()
        ended()
    }

    func close() {
        stream.close()
        ended()
    }

    /// The peer, or TLS, ended it.
    func ended() {
        onEnd?()
        onEnd = nil
        onRequest = nil
    }
}
