public import Crypto
public import Units

/// Who this node is: its key, its certificate, and what the certificate says.
public struct NodeIdentity: Sendable {
    /// The cluster that the certificate names.
    public let cluster: ClusterID
    /// Computed from the key.
    public let node: NodeID
    /// The name that the CA granted.
    public let name: NodeName
    /// The living certificate.
    public let certificate: Certificate
    /// Never leaves this process.
    public let key: PrivateKey

    /// - Throws: `TrustError.invalid` if certificate and key do not belong together.
    public init(certificate: Certificate, key: PrivateKey) throws(TrustError) {
        guard certificate.publicKey == key.publicKey else {
            throw TrustError(
                .invalid, "the node's certificate is not for its key; restore both from one backup, or join anew")
        }
        do throws(CryptoError) {
            let fields = try NodeIdentityFields(of: certificate)
            cluster = fields.cluster
            node = fields.node
            name = fields.name
        } catch {
            throw TrustError(.invalid, "the node's certificate: \(error)")
        }
        self.certificate = certificate
        self.key = key
    }

    /// When a new certificate is asked for: at two thirds of this one's life, counted from its issue.
    public var renewAfter: WallTime {
        let issued = certificate.validity.notBefore.secondsSince1970 + Int64(Limits.certificateBackdateSeconds)
        let life = certificate.validity.notAfter.secondsSince1970 - issued
        return WallTime(secondsSince1970: issued + life * 2 / 3)
    }

    /// The identity in a state folder.
    static func load(from files: StateFolder) throws(TrustError) -> NodeIdentity {
        let der = try files.readBytes(at: StateFolder.nodeCertificate, atMost: Limits.certificateByteCountMax)
        guard let der else {
            throw TrustError(
                .notJoined,
                "\(files.path) belongs to no cluster yet; run `shoal init` on the first node, `shoal join` on others")
        }
        let next = "restore it from a backup, or join anew with an empty --state"
        guard let pem = try files.readText(at: StateFolder.nodeKey) else {
            throw TrustError(.invalid, "the node's key \(files.path)/\(StateFolder.nodeKey) is missing; \(next)")
        }
        let certificate: Certificate
        let key: PrivateKey
        do throws(CryptoError) { certificate = try Certificate(der: der) } catch {
            throw TrustError(.invalid, "\(files.path)/\(StateFolder.nodeCertificate) is damaged; \(next): \(error)")
        }
        do throws(CryptoError) { key = try PrivateKey(pem: pem) } catch {
            throw TrustError(.invalid, "\(files.path)/\(StateFolder.nodeKey) is damaged; \(next): \(error)")
        }
        return try NodeIdentity(certificate: certificate, key: key)
    }
}
