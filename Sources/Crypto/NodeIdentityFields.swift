public import Units

/// Who a node is, as its certificate says.
public struct NodeIdentityFields: Hashable, Sendable, CustomStringConvertible {
    /// The cluster that the certificate was issued for.
    public let cluster: ClusterID
    /// The node's id, which follows from its key.
    public let node: NodeID
    /// The node's name for people.
    public let name: NodeName

    init(cluster: ClusterID, node: NodeID, name: NodeName) {
        self.cluster = cluster
        self.node = node
        self.name = name
    }

    /// Reads them. It says nothing about who issued the certificate.
    /// - Throws: `.badIdentity` unless the common name is a node's name and the one alternative name is exactly
    ///   `shoal://<cluster id>/node/<node id>`, in lower case, with the id that follows from the key.
    public init(of certificate: Certificate) throws(CryptoError) {
        guard let name = certificate.commonName.flatMap({ NodeName($0) }) else {
            throw CryptoError(.badIdentity, "read a node's identity", "its common name is not a node's name")
        }
        guard certificate.alternativeNameCount == 1, let uri = certificate.alternativeURIs.first else {
            throw CryptoError(.badIdentity, "read a node's identity", "it has not exactly one alternative name, a URI")
        }
        let hex = uri.dropFirst(Self.scheme.utf8.count).prefix(2 * ClusterID.byteCount)
        guard let cluster = ClusterID(hex: hex) else {
            throw CryptoError(.badIdentity, "read a node's identity", "its URI names no cluster")
        }
        let fields = NodeIdentityFields(cluster: cluster, node: certificate.publicKey.nodeID, name: name)
        guard fields.uri == uri else {
            throw CryptoError(.badIdentity, "read a node's identity", "its URI is not \(fields.uri)")
        }
        self = fields
    }

    /// The alternative name that a node's certificate bears.
    public var uri: String { "\(Self.scheme)\(cluster.hex)/node/\(node.hex)" }

    /// The name, and the start of the id.
    public var description: String { "\(name) (\(node.hex.prefix(8)))" }

    private static let scheme = "shoal://"
}
