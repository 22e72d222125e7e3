internal import Crypto
internal import Files
internal import Manifest
public import Units

/// What `shoal init` made.
public struct CreatedCluster: Sendable {
    /// Drawn at random.
    public let cluster: ClusterID
    /// The first node.
    public let node: NodeID
    /// Where root, publishing and operator key are.
    public let keysPath: String
}

/// Makes a cluster: root, CA, three keys for people, and the first node's identity.
public struct ClusterSetup: Sendable {
    private let cluster: NodeName
    private let node: NodeName
    private let statePath: String

    /// What to call both, and where the first node's state goes.
    public init(cluster: NodeName, node: NodeName, statePath: String) {
        self.cluster = cluster
        self.node = node
        self.statePath = statePath
    }

    /// 16 random bytes.
    public static func drawClusterID() -> ClusterID { ClusterID(exactly: SecureRandom.bytes(ClusterID.byteCount)) }

    /// Writes everything durably; the node's certificate comes last and makes the state folder count as one.
    /// - Throws: `.exists` if the state folder belongs to a cluster, or the keys' folder has keys; `.notAllowed` if
    ///   the keys' folder lies in the state folder, or others may write to it; `.permission`, `.io`.
    public func create(id: ClusterID, keysPath: String, now: WallTime) throws(TrustError) -> CreatedCluster {
        try requireApart(keysPath)
        let state = try StateFolder(creating: statePath)
        guard try state.readBytes(at: StateFolder.nodeCertificate, atMost: Limits.certificateByteCountMax) == nil else {
            throw TrustError(.exists, "\(statePath) belongs to a cluster already; choose an empty folder with --state")
        }
        let keyFiles = try StateFolder(creatingPrivate: keysPath)
        guard try keyFiles.list(".").allSatisfy({ !$0.hasSuffix(".pem") }) else {
            throw TrustError(.exists, "\(keysPath) has keys already; choose another folder with --keys")
        }
        do {
            let material = try Material(cluster: cluster, id: id, now: now)
            try write(material, id, to: state, keyFiles, now)
            return CreatedCluster(cluster: id, node: material.nodeKey.publicKey.nodeID, keysPath: keysPath)
        } catch let error as TrustError {
            throw error
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
    }

    /// Compares where the paths lead, since one place has many names. Nothing is made yet.
    private func requireApart(_ keysPath: String) throws(TrustError) {
        let isInside: Bool
        do throws(FileError) {
            isInside = try OutsidePath(keysPath).isIn(OutsidePath(statePath))
        } catch {
            throw TrustError(error, in: keysPath)
        }
        guard !isInside else {
            throw TrustError(
                .notAllowed, "the keys' folder \(keysPath) lies in the state folder; choose another with --keys")
        }
    }

    private func write(
        _ material: Material, _ id: ClusterID, to state: StateFolder, _ keyFiles: StateFolder, _ now: WallTime
    ) throws {
        try keyFiles.write(Array(material.rootKey.pem.utf8), at: "root.pem", mode: 0o400)
        try keyFiles.write(Array(material.publishKey.pem.utf8), at: "publish.pem", mode: 0o400)
        try keyFiles.write(Array(material.operatorKey.pem.utf8), at: "operator.pem", mode: 0o400)
        try state.write(Array(material.authorityKey.pem.utf8), at: StateFolder.authorityKey, mode: 0o400)
        try state.write(Array(material.nodeKey.pem.utf8), at: StateFolder.nodeKey, mode: 0o400)
        try DocumentArchive(state).removeRoots()
        try DocumentArchive(state).save(root: try material.root(), version: 1)
        let validity = CertificateValidity(
            notBefore: now + .seconds(-Limits.certificateBackdateSeconds),
            notAfter: now + .seconds(CertificateLifetime.seconds))
        let certificate = try material.authority.issue(
            for: material.nodeKey.publicKey, name: node, cluster: id, validity: validity)
        try state.write(certificate.der, at: StateFolder.nodeCertificate, mode: 0o640)
    }
}

/// The keys of a new cluster, before any of them is written.
private struct Material {
    let rootKey: PrivateKey
    let publishKey: PrivateKey
    let operatorKey: PrivateKey
    let authorityKey: PrivateKey
    let nodeKey: PrivateKey
    let authority: CertificateAuthority
    private let value: Root

    init(cluster: NodeName, id: ClusterID, now: WallTime) throws {
        rootKey = try PrivateKey.generate()
        publishKey = try PrivateKey.generate()
        operatorKey = try PrivateKey.generate()
        authorityKey = try PrivateKey.generate()
        nodeKey = try PrivateKey.generate()
        let validity = CertificateValidity(
            notBefore: now + .seconds(-Limits.certificateBackdateSeconds),
            notAfter: now + .seconds(Limits.authorityLifetimeSeconds))
        authority = try CertificateAuthority.makeRoot(cluster: cluster, key: authorityKey, validity: validity)
        func entry(_ key: PrivateKey, _ rights: Rights) -> RootKey {
            RootKey(publicKey: key.publicKey.spki, rights: rights, sha256: DocumentCrypto.sha256)
        }
        value = try Root(
            cluster: id, clusterName: cluster, version: 1, issued: now, epoch: 1,
            certificates: [authority.certificate.der],
            keys: [
                entry(rootKey, .root), entry(publishKey, [.publish, .promote]), entry(operatorKey, [.promote, .deny]),
            ],
            thresholds: Thresholds())
    }

    /// The first root, signed by its own root key.
    func root() throws -> [UInt8] {
        let digest = value.digest(sha256: DocumentCrypto.sha256)
        let signature = DocumentSignature(keyID: rootKey.publicKey.keyID, bytes: try rootKey.sign(digest))
        return try SignedDocument(value, signatures: [signature]).encode()
    }
}
