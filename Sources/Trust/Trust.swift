public import Crypto
public import EventLoop
public import Manifest
public import Units

/// What this agent believes: its identity, the chain of roots, who is denied, where channels point, and which manifests are genuine.
///
/// A document that is accepted is durable before it is visible here, one at a time, in the order of coming.
@LoopActor
public final class Trust {
    /// Who this node is; replaced when the certificate is renewed.
    public private(set) var identity: NodeIdentity
    /// All roots, oldest first; never empty.
    public private(set) var roots: [Verified<Root>]
    /// What is shut out.
    public internal(set) var denyList = DenyList()
    /// The newest head of each channel.
    public internal(set) var heads: [ModelChannel: Verified<Head>] = [:]
    /// Every genuine manifest that is kept, by digest.
    public internal(set) var manifests: [Digest: Verified<Manifest>] = [:]
    /// The CA certificates of the newest root.
    public private(set) var authorities: [Certificate]
    /// Present where the CA key is.
    public private(set) var issuer: CertificateIssuer?

    let files: StateFolder
    let archive: DocumentArchive
    let gate = SerialGate()

    /// Opens the trust of a state folder.
    /// - Throws: `.notJoined`, `.invalid`, `.newerFormat`, or `.notAllowed` if a key here may sign documents.
    public static func open(statePath: String) throws(TrustError) -> Trust {
        let files = try StateFolder(path: statePath)
        let identity = try NodeIdentity.load(from: files)
        let archive = DocumentArchive(files)
        let roots = try DocumentJudge.chain(try archive.roots())
        guard let newest = roots.last, newest.value.cluster == identity.cluster else {
            throw TrustError(.invalid, "\(statePath) has no root document of its cluster; join anew")
        }
        let trust = try Trust(identity, roots, newest.value, files)
        try trust.refuseSigningKeys()
        try trust.loadIssuer()
        try trust.loadDocuments()
        return trust
    }

    private init(
        _ identity: NodeIdentity, _ roots: [Verified<Root>], _ newest: Root, _ files: StateFolder
    ) throws(TrustError) {
        self.identity = identity
        self.roots = roots
        self.files = files
        archive = DocumentArchive(files)
        authorities = try Self.certificates(of: newest)
    }

    /// The newest root.
    public var root: Verified<Root> {
        guard let newest = roots.last else { preconditionFailure("an agent without a root") }
        return newest
    }

    /// The newest root as it is sent.
    public var rootEnvelope: [UInt8] { root.envelope }

    /// Nodes that are shut out.
    public var deniedNodes: Set<NodeID> {
        Set(
            denyList.records.compactMap { record in
                guard record.value.state == .denied, case .node(let node) = record.value.subject else { return nil }
                return node
            })
    }

    /// What the layout of a manifest holds, if it is kept.
    public nonisolated func storedLayout(_ digest: Digest) throws(TrustError) -> [UInt8]? { try archive.layout(digest) }

    /// Keeps a layout whose digest was checked.
    public nonisolated func store(layout bytes: [UInt8], digest: Digest) throws(TrustError) {
        try archive.save(layout: bytes, digest: digest)
    }

    /// Takes a new certificate of this node, after all checks, and makes it durable.
    public func adopt(renewed der: [UInt8], now: WallTime) async throws(TrustError) {
        let certificate: Certificate
        do throws(CryptoError) {
            certificate = try Certificate(der: der)
            try certificate.requireIssuer(among: authorities, at: now)
        } catch {
            throw TrustError(.invalid, "the renewed certificate cannot be trusted: \(error)")
        }
        let renewed = try NodeIdentity(certificate: certificate, key: identity.key)
        guard renewed.cluster == identity.cluster, renewed.name == identity.name,
            renewed.certificate.validity.notAfter > identity.certificate.validity.notAfter
        else { throw TrustError(.invalid, "the renewed certificate is for another name or cluster, or no longer than this one") }
        let files = files
        try await onPool { () throws(TrustError) in try files.write(der, at: StateFolder.nodeCertificate, mode: 0o640) }
        identity = renewed
    }

    func extend(with root: Verified<Root>) throws(TrustError) {
        authorities = try Self.certificates(of: root.value)
        roots.append(root)
    }

    private static func certificates(of root: Root) throws(TrustError) -> [Certificate] {
        do {
            return try root.certificates.map { try Certificate(der: $0) }
        } catch {
            throw TrustError(.invalid, "a CA certificate of the root is damaged: \(error)")
        }
    }

    /// A stolen node must be worth nothing to a forger: keys that may sign do not lie in a state folder.
    private func refuseSigningKeys() throws(TrustError) {
        for name in try files.list("keys") where name.hasSuffix(".pem") {
            guard let pem = try files.readText(at: "keys/\(name)"), let key = try? PrivateKey(pem: pem) else { continue }
            guard root.value.key(key.publicKey.keyID) == nil else {
                throw TrustError(
                    .notAllowed, "\(files.path)/keys/\(name) may sign for the cluster; move it to the publisher's own folder (--keys)")
            }
        }
    }

    private func loadIssuer() throws(TrustError) {
        guard let pem = try files.readText(at: StateFolder.authorityKey) else { return }
        do {
            let key = try PrivateKey(pem: pem)
            guard let certificate = authorities.first(where: { $0.publicKey == key.publicKey }) else { return }
            let authority = try CertificateAuthority(certificate: certificate, key: key)
            issuer = try CertificateIssuer(authority: authority, identity: identity, files: files)
        } catch {
            throw TrustError(.invalid, "the CA key in \(files.path)/keys cannot be used: \(error)")
        }
    }

    /// Documents that do not verify under the newest root are left on disk and out of use.
    private func loadDocuments() throws(TrustError) {
        let checks = DocumentCrypto.checks
        for envelope in try archive.envelopes(.deny) {
            guard let record = try? Verified<DenyRecord>.verify(envelope, under: root.value, checks: checks) else { continue }
            _ = denyList.apply(record)
        }
        for envelope in try archive.envelopes(.heads) {
            guard let head = try? Verified<Head>.verify(envelope, under: root.value, checks: checks) else { continue }
            heads[head.value.channel] = head
        }
        for envelope in try archive.envelopes(.manifests) {
            guard let manifest = try? Verified<Manifest>.verify(envelope, under: root.value, checks: checks) else { continue }
            manifests[manifest.digest] = manifest
        }
    }
}

/// Runs blocking work on the pool, keeping the type of its error.
func onPool<T: Sendable>(_ work: @escaping @Sendable () throws(TrustError) -> T) async throws(TrustError) -> T {
    let result: Result<T, TrustError>
    do {
        result = try await ThreadPool.run { () -> Result<T, TrustError> in
            do throws(TrustError) { return .success(try work()) } catch { return .failure(error) }
        }
    } catch {
        throw TrustError(.io, "\(error)")
    }
    return try result.get()
}
