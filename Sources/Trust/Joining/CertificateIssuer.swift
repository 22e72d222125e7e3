public import Crypto
public import EventLoop
internal import Manifest
public import Units

/// The agent that holds the CA key: makes tokens, lets newcomers in, renews certificates.
///
/// What it decides is durable before it is said: a token is spent on disk before its certificate exists.
@LoopActor
public final class CertificateIssuer {
    private let authority: CertificateAuthority
    private let cluster: ClusterID
    private let node: NodeID
    private let files: StateFolder
    private var ledger: IssuerLedger
    private let gate = SerialGate()

    /// - Throws: `TrustError` if the ledger cannot be read.
    init(authority: CertificateAuthority, identity: NodeIdentity, files: StateFolder) throws(TrustError) {
        self.authority = authority
        self.files = files
        cluster = identity.cluster
        node = identity.node
        ledger = try files.readJSON(IssuerLedger.self, at: StateFolder.ledger) ?? IssuerLedger()
        let own = IssuerLedger.Grant(
            node: identity.node.hex, name: identity.name.text,
            expires: identity.certificate.validity.notAfter.secondsSince1970)
        if !ledger.grants.contains(own) {
            ledger.note(identity.node, name: identity.name.text, expires: identity.certificate.validity.notAfter)
        }
    }

    /// A new token, durable before it is returned.
    /// - Throws: `TrustError` when 1,024 are open, or the ledger cannot be written.
    public func makeToken(
        rootDigest: Digest, lifetimeSeconds: Int, now: WallTime
    ) async throws(TrustError) -> (text: String, expires: WallTime) {
        let id = TokenID(exactly: SecureRandom.bytes(TokenID.byteCount))
        let secret = SecureRandom.bytes(Limits.tokenSecretByteCount)
        let expires = now + .seconds(lifetimeSeconds)
        try await change { ledger throws(TrustError) in
            ledger.sweep(at: now)
            guard ledger.livingTokenCount(at: now) < Limits.tokenCountMax else {
                throw TrustError(.unavailable, "\(Limits.tokenCountMax) tokens are open; wait until some have expired")
            }
            ledger.tokens.append(
                .init(id: id.hex, secret: Hex.encode(secret), expires: expires.secondsSince1970, spentFor: nil))
        }
        let token = JoinToken(
            id: id, secret: secret, caPin: authority.certificate.publicKey.keyID, rootPin: rootDigest, issuer: node,
            cluster: cluster)
        return (token.text, expires)
    }

    /// Answers a newcomer, in the order that `Protocol/join.md` gives.
    public func answer(
        _ request: JoinRequest, exporter: [UInt8], root: [UInt8], now: WallTime, isDenied: @escaping (NodeID) -> Bool
    ) async -> [JoinMessage] {
        do throws(Refused) {
            let certificate = try await admit(request, exporter: exporter, now: now, isDenied: isDenied)
            return grant(certificate, root: root)
        } catch {
            return [.refusal(error.refusal, error.text)]
        }
    }

    /// A new certificate for a node that showed a living one.
    public func renew(_ certificate: Certificate, now: WallTime) async throws(TrustError) -> Certificate {
        let fields: NodeIdentityFields
        let renewed: Certificate
        do throws(CryptoError) {
            fields = try NodeIdentityFields(of: certificate)
            renewed = try issue(certificate.publicKey, fields.name, now)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
        try await change { $0.note(fields.node, name: fields.name.text, expires: renewed.validity.notAfter) }
        return renewed
    }

    private struct Refused: Error {
        let refusal: JoinRefusal
        let text: String
    }

    private func admit(
        _ request: JoinRequest, exporter: [UInt8], now: WallTime, isDenied: (NodeID) -> Bool
    ) async throws(Refused) -> Certificate {
        let message = JoinRequest.authenticated(request.authenticatedFields, exporter: exporter)
        guard let token = ledger.token(request.tokenID, provedBy: request.authenticator, over: message) else {
            throw Refused(refusal: .unknown, text: "this agent made no such token")
        }
        guard token.expires >= now.secondsSince1970 else {
            throw Refused(refusal: .expired, text: "the token expired \(WallTime(secondsSince1970: token.expires))")
        }
        guard let signing = try? CertificateRequest(der: request.signingRequest), let name = NodeName(request.name) else {
            throw Refused(refusal: .badRequest, text: "the request or the node's name is not valid")
        }
        let newcomer = signing.publicKey.nodeID
        guard token.spentFor == nil || token.spentFor == newcomer.hex else {
            throw Refused(refusal: .used, text: "the token was used for another node")
        }
        guard !isDenied(newcomer) else { throw Refused(refusal: .denied, text: "this node's key is denied") }
        if let bearer = ledger.bearer(of: name.text, otherThan: newcomer, at: now, isDenied: isDenied) {
            throw Refused(
                refusal: .nameTaken,
                text: "node \(bearer.hex.prefix(12)) is called \(name) already: choose another --node, or `shoal deny \(name)` first")
        }
        do {
            try await change { ledger throws(TrustError) in
                guard ledger.spend(request.tokenID, for: newcomer) else {
                    throw TrustError(.overtaken, "the token was used for another node")
                }
            }
            let certificate = try issue(signing.publicKey, name, now)
            try await change { $0.note(newcomer, name: name.text, expires: certificate.validity.notAfter) }
            return certificate
        } catch {
            let isOvertaken = (error as? TrustError)?.code == .overtaken
            throw Refused(refusal: isOvertaken ? .used : .unavailable, text: "\(error)")
        }
    }

    private func grant(_ certificate: Certificate, root: [UInt8]) -> [JoinMessage] {
        let parts = stride(from: 0, to: root.count, by: Limits.joinRootPartByteCountMax).map {
            JoinMessage.root(Array(root[$0..<min($0 + Limits.joinRootPartByteCountMax, root.count)]))
        }
        return [.grant(certificate: certificate.der, rootByteCount: root.count, partCount: parts.count)] + parts
    }

    private func issue(_ key: PublicKey, _ name: NodeName, _ now: WallTime) throws(CryptoError) -> Certificate {
        let validity = CertificateValidity(
            notBefore: now + .seconds(-Limits.certificateBackdateSeconds),
            notAfter: now + .seconds(lifetimeSeconds))
        return try authority.issue(for: key, name: name, cluster: cluster, validity: validity)
    }

    /// How long certificates live; tests make it short.
    public var lifetimeSeconds = Limits.certificateLifetimeSeconds

    /// Changes the ledger on disk first, one change at a time, then in memory.
    private func change(_ edit: (inout IssuerLedger) throws(TrustError) -> Void) async throws(TrustError) {
        await gate.enter()
        defer { gate.leave() }
        var edited = ledger
        try edit(&edited)
        let (files, changed) = (files, edited)
        try await onPool { () throws(TrustError) in try files.writeJSON(changed, at: StateFolder.ledger) }
        ledger = changed
    }
}
