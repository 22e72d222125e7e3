public import Crypto
public import EventLoop
public import Units

/// The agent that holds the CA key: makes tokens, lets newcomers in, renews certificates.
///
/// One thing at a time, and what it decides is durable before it is said: a token is spent on disk before its
/// certificate exists, and a certificate is noted there before anybody gets it.
@LoopActor
public final class CertificateIssuer {
    /// How long certificates live; tests make it short.
    public var lifetimeSeconds = CertificateLifetime.seconds

    private let authority: CertificateAuthority
    private let cluster: ClusterID
    private let node: NodeID
    private let files: StateFolder
    private(set) var ledger: IssuerLedger
    private let gate = SerialGate()

    /// - Throws: `TrustError` if the ledger cannot be read.
    init(authority: CertificateAuthority, identity: NodeIdentity, files: StateFolder) throws(TrustError) {
        self.authority = authority
        self.files = files
        cluster = identity.cluster
        node = identity.node
        ledger = try files.readJSON(IssuerLedger.self, at: StateFolder.ledger) ?? IssuerLedger()
        ledger.note(identity.node, name: identity.name, expires: identity.certificate.validity.notAfter)
    }

    /// The CA whose key this is.
    var authorityCertificate: Certificate { authority.certificate }

    /// A new token, durable before it is returned.
    /// - Parameter lifetimeSeconds: 1 second to 24 hours.
    /// - Throws: `.notAllowed` for another lifetime; `.unavailable` when 1,024 are open; `.io` if the ledger cannot
    ///   be written.
    public func makeToken(
        rootDigest: Digest, lifetimeSeconds: Int, now: WallTime
    ) async throws(TrustError) -> (text: String, expires: WallTime) {
        guard (1...Limits.tokenLifetimeSecondsMax).contains(lifetimeSeconds) else {
            throw TrustError(.notAllowed, "a token lives 1 to \(Limits.tokenLifetimeSecondsMax) seconds (24 hours)")
        }
        await gate.enter()
        defer { gate.leave() }
        let id = TokenID(exactly: SecureRandom.bytes(TokenID.byteCount))
        let secret = SecureRandom.bytes(Limits.tokenSecretByteCount)
        let expires = now + .seconds(lifetimeSeconds)
        var edited = ledger
        let record = IssuerLedger.Token(
            id: id.hex, secret: Hex.encode(secret), expires: expires.secondsSince1970, spentFor: nil)
        guard edited.add(record, at: now) else {
            throw TrustError(
                .unavailable, "\(Limits.tokenCountMax) tokens are open; use some, or wait until some have expired")
        }
        try await keep(edited)
        let token = JoinToken(
            id: id, secret: secret, caPin: authority.certificate.publicKey.keyID, rootPin: rootDigest, issuer: node,
            cluster: cluster)
        return (token.text, expires)
    }

    /// Answers a newcomer, in the order that `Protocol/join.md` gives.
    /// - Parameters:
    ///   - exporter: 32 bytes of the connection's TLS exporter, with `JoinRequest.exporterLabel`.
    ///   - root: the newest root document, for the newcomer.
    public func answer(
        _ request: JoinRequest, exporter: [UInt8], root: [UInt8], now: WallTime,
        isDenied: @escaping @LoopActor (NodeID) -> Bool
    ) async -> [JoinMessage] {
        await gate.enter()
        defer { gate.leave() }
        do throws(Refused) {
            let admission = try examine(request, exporter: exporter, now: now, isDenied: isDenied)
            return Self.grant(try await admit(admission, at: now), root: root)
        } catch {
            return [.refusal(error.refusal, error.text)]
        }
    }

    /// A new certificate for a node that showed a living one.
    /// - Throws: `.notAllowed` if it is denied; `.exists` if another node bears its name by now; `.invalid` if the
    ///   certificate is of another cluster; `.io` if the ledger cannot be written.
    public func renew(
        _ certificate: Certificate, now: WallTime, isDenied: @escaping @LoopActor (NodeID) -> Bool
    ) async throws(TrustError) -> Certificate {
        await gate.enter()
        defer { gate.leave() }
        let fields: NodeIdentityFields
        do throws(CryptoError) { fields = try NodeIdentityFields(of: certificate) } catch {
            throw TrustError(.invalid, "\(error)")
        }
        guard fields.cluster == cluster else { throw TrustError(.invalid, "the certificate is of another cluster") }
        guard !isDenied(fields.node) else { throw TrustError(.notAllowed, "this node's key is denied") }
        if let bearer = ledger.bearer(of: fields.name, otherThan: fields.node, at: now, isDenied: isDenied) {
            throw TrustError(.exists, Self.taken(fields.name, by: bearer))
        }
        return try await issue(to: certificate.publicKey, fields.name, at: now)
    }

    private struct Refused: Error {
        let refusal: JoinRefusal
        let text: String
    }

    /// A newcomer that may have what it asks for.
    private struct Admission {
        let token: TokenID
        let isSpent: Bool
        let key: PublicKey
        let name: NodeName
    }

    private func examine(
        _ request: JoinRequest, exporter: [UInt8], now: WallTime, isDenied: (NodeID) -> Bool
    ) throws(Refused) -> Admission {
        let message = JoinRequest.authenticated(request.authenticatedFields, exporter: exporter)
        guard let token = ledger.token(request.tokenID, provedBy: request.authenticator, over: message) else {
            throw Refused(refusal: .unknown, text: "this agent made no such token")
        }
        guard token.expires >= now.secondsSince1970 else {
            throw Refused(refusal: .expired, text: "the token expired \(WallTime(secondsSince1970: token.expires))")
        }
        guard let key = try? CertificateRequest(der: request.signingRequest).publicKey else {
            throw Refused(refusal: .badRequest, text: "the certificate request is not one for a P-256 key")
        }
        guard token.spentFor.map({ $0 == key.nodeID.hex }) ?? true else {
            throw Refused(refusal: .used, text: "the token was used for another node")
        }
        guard !isDenied(key.nodeID) else { throw Refused(refusal: .denied, text: "this node's key is denied") }
        guard let name = NodeName(request.name) else {
            throw Refused(
                refusal: .badRequest,
                text:
                    "a node's name has letters, digits, '.', '_' and '-', and begins with a letter or digit"
            )
        }
        if let bearer = ledger.bearer(of: name, otherThan: key.nodeID, at: now, isDenied: isDenied) {
            throw Refused(refusal: .nameTaken, text: Self.taken(name, by: bearer))
        }
        return Admission(token: request.tokenID, isSpent: token.spentFor != nil, key: key, name: name)
    }

    private func admit(_ admission: Admission, at now: WallTime) async throws(Refused) -> Certificate {
        do throws(TrustError) {
            if !admission.isSpent {
                var edited = ledger
                edited.spend(admission.token, for: admission.key.nodeID)
                try await keep(edited)
            }
            return try await issue(to: admission.key, admission.name, at: now)
        } catch {
            throw Refused(refusal: .unavailable, text: error.description)
        }
    }

    /// Makes a certificate, and notes it durably before it is returned.
    private func issue(to key: PublicKey, _ name: NodeName, at now: WallTime) async throws(TrustError) -> Certificate {
        var edited = ledger
        edited.sweep(at: now)
        guard edited.hasRoom else {
            throw TrustError(
                .unavailable, "\(Limits.grantCountMax) certificates are living, and more are not kept track of")
        }
        let validity = CertificateValidity(
            notBefore: now + .seconds(-Limits.certificateBackdateSeconds),
            notAfter: min(now + .seconds(lifetimeSeconds), authority.certificate.validity.notAfter))
        let certificate: Certificate
        do throws(CryptoError) {
            certificate = try authority.issue(for: key, name: name, cluster: cluster, validity: validity)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
        edited.note(key.nodeID, name: name, expires: certificate.validity.notAfter)
        try await keep(edited)
        return certificate
    }

    /// On disk first, then in memory. The gate is held.
    private func keep(_ edited: IssuerLedger) async throws(TrustError) {
        let files = files
        try await onPool { () throws(TrustError) in try files.writeJSON(edited, at: StateFolder.ledger) }
        ledger = edited
    }

    private static func grant(_ certificate: Certificate, root: [UInt8]) -> [JoinMessage] {
        let parts = stride(from: 0, to: root.count, by: Limits.joinRootPartByteCountMax).map {
            JoinMessage.root(Array(root[$0..<min($0 + Limits.joinRootPartByteCountMax, root.count)]))
        }
        return [.grant(certificate: certificate.der, rootByteCount: root.count, partCount: parts.count)] + parts
    }

    private static func taken(_ name: NodeName, by bearer: NodeID) -> String {
        "node \(bearer.hex.prefix(12)) is called \(name) already: choose another --node, or `shoal deny \(name)` first"
    }
}

extension CertificateIssuer {
    /// Nodes that were let in under a name; their certificates may be living.
    public func nodes(named name: String) -> [NodeID] {
        ledger.grants.filter { $0.name == name }.compactMap { NodeID(hex: $0.node) }
    }
}
