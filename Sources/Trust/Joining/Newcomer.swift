internal import Crypto
internal import Manifest
public import Units

/// A machine on its way into a cluster: its key, and the checks of what the issuer sends.
public struct Newcomer: Sendable {
    private let token: JoinToken
    private let name: NodeName
    private let key: PrivateKey
    private let files: StateFolder

    /// Makes the state folder and the node's key, or takes the key of an earlier try.
    /// - Throws: `.exists` if the folder belongs to a cluster already.
    public init(_ token: JoinToken, name: NodeName, statePath: String) throws(TrustError) {
        self.token = token
        self.name = name
        files = try StateFolder(creating: statePath)
        guard try files.readBytes(at: StateFolder.nodeCertificate, atMost: 4096) == nil else {
            throw TrustError(.exists, "\(statePath) belongs to a cluster already; join with an empty --state, or remove it first")
        }
        let earlier = try files.readText(at: StateFolder.nodeKey)
        do throws(CryptoError) {
            key = if let earlier { try PrivateKey(pem: earlier) } else { try PrivateKey.generate() }
        } catch {
            throw TrustError(.invalid, "\(statePath)/keys: \(error)")
        }
        try files.write(Array(key.pem.utf8), at: StateFolder.nodeKey, mode: 0o400)
    }

    /// What to send, tied to the connection by its exporter.
    public func request(exporter: [UInt8]) throws(TrustError) -> JoinRequest {
        let signing: CertificateRequest
        do throws(CryptoError) {
            signing = try CertificateRequest(key: key, name: name)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
        let open = JoinRequest(tokenID: token.id, name: name.text, signingRequest: signing.der, authenticator: [])
        let message = JoinRequest.authenticated(open.authenticatedFields, exporter: exporter)
        let authenticator = HMACSHA256.authenticate(message, key: token.secret)
        return JoinRequest(
            tokenID: token.id, name: name.text, signingRequest: signing.der, authenticator: authenticator.bytes)
    }

    /// Checks certificate and root against the token, and makes them durable: root first, certificate last.
    public func accept(certificate: [UInt8], root: [UInt8], at now: WallTime) throws(TrustError) -> NodeIdentity {
        let verified = try DocumentJudge.pinnedRoot(root, pin: token.rootPin)
        let leaf: Certificate
        do throws(CryptoError) {
            let authorities = try verified.value.certificates.map { (der) throws(CryptoError) in try Certificate(der: der) }
            let pinned = authorities.filter { $0.publicKey.keyID == token.caPin }
            leaf = try Certificate(der: certificate)
            try leaf.requireIssuer(among: pinned, at: now)
        } catch {
            throw TrustError(.invalid, "the agent's answer cannot be trusted: \(error)")
        }
        let identity = try NodeIdentity(certificate: leaf, key: key)
        guard identity.cluster == token.cluster, verified.value.cluster == token.cluster, identity.name == name else {
            throw TrustError(.invalid, "the certificate is for another cluster or name than was asked for")
        }
        try DocumentArchive(files).save(root: root, version: verified.value.version)
        try files.write(certificate, at: StateFolder.nodeCertificate, mode: 0o640)
        return identity
    }
}
