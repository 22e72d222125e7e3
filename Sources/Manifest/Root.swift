public import Units

/// A key that a root lists.
public struct RootKey: Hashable, Sendable {
    /// DER SubjectPublicKeyInfo of a P-256 key, 91 bytes.
    public let publicKey: [UInt8]
    /// The SHA-256 of `publicKey`.
    public let keyID: Digest
    /// What it may sign.
    public let rights: Rights
    /// For which models; ascending.
    public let patterns: [ModelPattern]

    /// The patterns may come in any order. `Root` checks the values.
    public init(
        publicKey: [UInt8], rights: Rights, patterns: [ModelPattern] = [.all], sha256: SHA256Function
    ) {
        self.publicKey = publicKey
        keyID = sha256([publicKey])
        self.rights = rights
        self.patterns = patterns.sorted()
    }

    /// True if it has the right for `scope`.
    public func may(_ right: Right, for scope: Scope) -> Bool {
        guard rights.includes(right) else { return false }
        switch scope {
        case .cluster: return true
        case .everyModel: return patterns.contains(.all)
        case .model(let model): return patterns.contains { $0.matches(model) }
        }
    }

    /// What a document is about, as far as patterns go.
    public enum Scope: Hashable, Sendable {
        /// A root: patterns play no part.
        case cluster
        /// Something that touches all models, for example a node: only the pattern `*` covers it.
        case everyModel
        /// One model.
        case model(ModelName)
    }

    /// What every P-256 public key in this form begins with: algorithm, curve, and the mark of an uncompressed point.
    static let prefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE,
        0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
}

/// Whom a cluster trusts: its CA, the keys that sign documents, and how many of them it takes.
///
/// Every value keeps the rules of `documents.md`, section 3.
public struct Root: DocumentBody {
    /// The kind that the envelope names.
    public static let kind = DocumentKind.root

    /// The same in every version.
    public let cluster: ClusterID
    /// The cluster's name for people.
    public let clusterName: NodeName
    /// 1 or more; each next root adds 1.
    public let version: UInt32
    /// When it was signed, for people.
    public let issued: WallTime
    /// Heads and deny records of a higher epoch are refused. Raising it outranks whatever a stolen key signed.
    public let epoch: UInt32
    /// CA certificates in DER; ascending by their bytes.
    public let certificates: [[UInt8]]
    /// Ascending by key id.
    public let keys: [RootKey]
    /// How many keys must sign.
    public let thresholds: Thresholds

    /// Certificates and keys may come in any order.
    /// - Throws: a DocumentError that names the field which breaks a rule.
    public init(
        cluster: ClusterID, clusterName: NodeName, version: UInt32, issued: WallTime, epoch: UInt32,
        certificates: [[UInt8]],
        keys: [RootKey], thresholds: Thresholds
    ) throws(DocumentError) {
        self.cluster = cluster
        self.clusterName = clusterName
        self.version = version
        self.issued = issued
        self.epoch = epoch
        self.certificates = certificates.sorted { $0.lexicographicallyPrecedes($1) }
        self.keys = keys.sorted { $0.keyID < $1.keyID }
        self.thresholds = thresholds
        try validate()
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8], sha256: SHA256Function) throws(DocumentError) {
        var reader = DocumentReader(body, document: "root")
        try reader.format()
        cluster = try reader.identifier(ClusterID.self, "cluster id")
        clusterName = try reader.name(NodeName.self, atMost: Limits.namePartByteCountMax, "cluster name")
        version = try reader.u32("version")
        issued = try reader.time("issued")
        epoch = try reader.u32("epoch")
        var certificates: [[UInt8]] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 1...Limits.rootCertificateCountMax, "CA certificates")) {
            let range = 1...Limits.rootCertificateByteCountMax
            let length = try reader.count(UInt16.self, in: range, "CA certificate")
            certificates.append(Array(try reader.raw(length, "CA certificate")))
        }
        self.certificates = certificates
        keys = try Self.readKeys(from: &reader, sha256: sha256)
        thresholds = Thresholds(
            root: try reader.u8("thresholds"), publish: try reader.u8("thresholds"),
            promote: try reader.u8("thresholds"), deny: try reader.u8("thresholds"))
        try reader.requireEnd()
        try validate()
    }

    private static func readKeys(
        from reader: inout DocumentReader, sha256: SHA256Function
    ) throws(DocumentError) -> [RootKey] {
        var keys: [RootKey] = []
        for _ in 0..<(try reader.count(UInt8.self, in: 1...Limits.rootKeyCountMax, "keys")) {
            let range = Limits.publicKeyByteCount...Limits.publicKeyByteCount
            let length = try reader.count(UInt16.self, in: range, "key")
            let publicKey = Array(try reader.raw(length, "key"))
            let rights = Rights(rawValue: try reader.u8("rights"))
            var patterns: [ModelPattern] = []
            for _ in 0..<(try reader.count(UInt8.self, in: 1...Limits.patternCountMax, "patterns")) {
                patterns.append(
                    try reader.name(ModelPattern.self, atMost: Limits.patternByteCountMax, "pattern"))
            }
            guard isAscending(patterns) else { throw reader.error(.invalid, "patterns", "not ascending") }
            keys.append(RootKey(publicKey: publicKey, rights: rights, patterns: patterns, sha256: sha256))
        }
        return keys
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 4_096)
        writer.integer(1 as UInt16)
        writer.identifier(cluster)
        writer.name(clusterName)
        writer.integer(version)
        writer.time(issued)
        writer.integer(epoch)
        writer.integer(UInt8(certificates.count))
        for certificate in certificates {
            writer.integer(UInt16(certificate.count))
            writer.raw(certificate)
        }
        writer.integer(UInt8(keys.count))
        for key in keys {
            writer.integer(UInt16(key.publicKey.count))
            writer.raw(key.publicKey)
            writer.integer(key.rights.rawValue)
            writer.integer(UInt8(key.patterns.count))
            for pattern in key.patterns { writer.name(pattern) }
        }
        writer.raw([thresholds.root, thresholds.publish, thresholds.promote, thresholds.deny])
        return writer.bytes
    }

    /// The key with an id, if the root lists it.
    public func key(_ keyID: Digest) -> RootKey? { keys.first { $0.keyID == keyID } }
}

extension Root {
    private func validate() throws(DocumentError) {
        guard version >= 1 else { throw Self.fail(.outOfRange, "version") }
        guard epoch >= 1 else { throw Self.fail(.outOfRange, "epoch") }
        guard isAllowed(issued) else { throw Self.fail(.outOfRange, "issued") }
        guard (1...Limits.rootCertificateCountMax).contains(certificates.count) else {
            throw Self.fail(.outOfRange, "CA certificates", "1 to \(Limits.rootCertificateCountMax)")
        }
        guard certificates.allSatisfy({ (1...Limits.rootCertificateByteCountMax).contains($0.count) }) else {
            throw Self.fail(.outOfRange, "CA certificate", "at most \(Limits.rootCertificateByteCountMax) bytes")
        }
        guard zip(certificates, certificates.dropFirst()).allSatisfy({ $0.lexicographicallyPrecedes($1) }) else {
            throw Self.fail(.invalid, "CA certificates", "not ascending, or twice the same")
        }
        guard (1...Limits.rootKeyCountMax).contains(keys.count) else {
            throw Self.fail(.outOfRange, "keys", "1 to \(Limits.rootKeyCountMax)")
        }
        guard isAscending(keys.map(\.keyID)) else {
            throw Self.fail(.invalid, "keys", "not ascending by key id, or twice the same")
        }
        for key in keys { try Self.validate(key) }
        guard Right.allCases.allSatisfy({ (1...Limits.thresholdMax).contains(thresholds[$0]) }) else {
            throw Self.fail(.outOfRange, "thresholds", "1 to \(Limits.thresholdMax)")
        }
        let rootKeyCount = keys.count { $0.rights.includes(.root) }
        guard thresholds[.root] <= rootKeyCount else {
            throw Self.fail(
                .invalid, "thresholds", "\(thresholds[.root]) root keys must sign, and there are \(rootKeyCount)")
        }
    }

    private static func validate(_ key: RootKey) throws(DocumentError) {
        guard key.publicKey.count == Limits.publicKeyByteCount, key.publicKey.starts(with: RootKey.prefix) else {
            throw fail(.invalid, "key", "not a P-256 public key of \(Limits.publicKeyByteCount) bytes")
        }
        guard P256Point.isOnCurve(key.publicKey.dropFirst(RootKey.prefix.count)) else {
            throw fail(.invalid, "key", "not a point of P-256")
        }
        guard !key.rights.isEmpty, Rights.all.isSuperset(of: key.rights) else { throw fail(.invalid, "rights") }
        guard (1...Limits.patternCountMax).contains(key.patterns.count) else {
            throw fail(.outOfRange, "patterns", "1 to \(Limits.patternCountMax)")
        }
        guard isAscending(key.patterns) else { throw fail(.invalid, "patterns", "twice the same") }
    }

    private static func fail(
        _ code: DocumentError.Code, _ field: String, _ detail: String = ""
    ) -> DocumentError {
        DocumentError(code, document: "root", field: field, detail: detail)
    }
}
