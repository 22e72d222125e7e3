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
    /// - Throws: `.exists` if the folder belongs to a cluster already; `.permission`, `.io`; `.invalid` if the
    ///   earlier key is damaged.
    public init(_ token: JoinToken, name: NodeName, statePath: String) throws(TrustError) {
        try self.init(token, name: name, files: StateFolder(creating: statePath))
    }

    init(_ token: JoinToken, name: NodeName, files: StateFolder) throws(TrustError) {
        self.token = token
        self.name = name
        self.files = files
        guard try files.readBytes(at: StateFolder.nodeCertificate, atMost: Limits.certificateByteCountMax) == nil else {
            throw TrustError(
                .exists, "\(files.path) belongs to a cluster already; join with an empty --state, or remove it first")
        }
        let earlier = try files.readText(at: StateFolder.nodeKey)
        do throws(CryptoError) {
            key = if let earlier { try PrivateKey(pem: earlier) } else { try PrivateKey.generate() }
        } catch {
            throw TrustError(
                .invalid, "\(files.path)/\(StateFolder.nodeKey) is damaged; remove it to join anew: \(error)")
        }
        if earlier == nil { try files.write(Array(key.pem.utf8), at: StateFolder.nodeKey, mode: 0o400) }
    }

    /// What to send, tied to the connection by its exporter.
    public func request(exporter: [UInt8]) throws(TrustError) -> JoinRequest {
        let signing: CertificateRequest
        do throws(CryptoError) {
            signing = try CertificateRequest(key: key, name: name)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
        return JoinRequest(token, name: name.text, signingRequest: signing.der, exporter: exporter)
    }

    /// Checks certificate and root against the token, and makes them durable: root first, certificate last.
    /// - Throws: `.invalid` if the answer is not what the token promised; `.io` if it cannot be kept. Nothing but the
    ///   key is kept then, and with it the token may be used again.
    public func accept(certificate: [UInt8], root: [UInt8], at now: WallTime) throws(TrustError) -> NodeIdentity {
        let verified = try DocumentJudge.pinnedRoot(root, pin: token.rootPin)
        let identity = try NodeIdentity(certificate: try trusted(certificate, under: verified.value, at: now), key: key)
        guard identity.cluster == token.cluster, verified.value.cluster == token.cluster, identity.name == name else {
            throw TrustError(.invalid, "the certificate is for another cluster or name than was asked for")
        }
        let archive = DocumentArchive(files)
        try archive.removeRoots()
        try archive.save(root: root, version: verified.value.version)
        try files.write(certificate, at: StateFolder.nodeCertificate, mode: 0o640)
        return identity
    }

    private func trusted(_ der: [UInt8], under root: Root, at now: WallTime) throws(TrustError) -> Certificate {
        let pinned = try DocumentJudge.authorities(of: root).filter { $0.publicKey.keyID == token.caPin }
        guard !pinned.isEmpty else {
            throw TrustError(
                .invalid, "the agent's answer cannot be trusted: its root does not name the CA of the token")
        }
        do throws(CryptoError) {
            let certificate = try Certificate(der: der)
            try certificate.requireIssuer(among: pinned, at: now)
            return certificate
        } catch {
            let next = error.code == .outsideValidity ? "; is this machine's clock right?" : ""
            throw TrustError(.invalid, "the agent's answer cannot be trusted: \(error)\(next)")
        }
    }
}
