public import Units

extension Verified where Value == Root {
    /// The first root that an agent gets, pinned by the digest that its token or its `init` gave.
    ///
    /// It must also be signed to its own threshold.
    /// - Throws: `.otherDocument` if it has another digest, or what else is wrong.
    public static func pinned(
        _ envelope: [UInt8], digest: Digest, checks: DocumentChecks
    ) throws(DocumentRefusal) -> Verified<Root> {
        let document = try SignedDocument.read(envelope, kind: .root)
        let found = document.digest(sha256: checks.sha256)
        guard found == digest else { throw .otherDocument(digest: found) }
        let root = try Root.read(document.body, checks)
        let signers = try document.validSignatures(under: [root], digest: digest, checks: checks)
        try root.requireThreshold(of: .root, for: .cluster, signers: signers)
        return try Verified(value: root, digest: digest, document: document.keeping(signers))
    }

    /// The root after this one: signed to this one's root threshold and to its own.
    ///
    /// - Throws: `.notTheNextRoot` for any other version (an older one that comes again is dropped), or what else is
    ///   wrong.
    public func successor(_ envelope: [UInt8], checks: DocumentChecks) throws(DocumentRefusal) -> Verified<Root> {
        let document = try SignedDocument.read(envelope, kind: .root)
        let digest = document.digest(sha256: checks.sha256)
        let ours = try document.validSignatures(under: [value], digest: digest, checks: checks)
        try value.requireThreshold(of: .root, for: .cluster, signers: ours)
        let next = try Root.read(document.body, checks)
        guard next.cluster == value.cluster else { throw .otherCluster(next.cluster) }
        guard next.version > value.version, next.version - 1 == value.version else {
            throw .notTheNextRoot(version: next.version, expected: value.version &+ 1)
        }
        guard next.epoch >= value.epoch else { throw .epochWentBack(epoch: next.epoch, before: value.epoch) }
        let signers = try document.validSignatures(under: [value, next], digest: digest, checks: checks)
        try next.requireThreshold(of: .root, for: .cluster, signers: signers)
        return try Verified(value: next, digest: digest, document: document.keeping(signers))
    }
}

extension Verified where Value == Manifest {
    /// Checks a manifest under the newest root.
    /// - Parameter expected: the digest that was asked for, if any.
    public static func verify(
        _ envelope: [UInt8], expecting expected: Digest? = nil, under root: Root, checks: DocumentChecks
    ) throws(DocumentRefusal) -> Verified<Manifest> {
        try accept(envelope, expecting: expected, under: root, checks: checks) { (manifest) throws(DocumentRefusal) in
            .model(manifest.model)
        }
    }
}

extension Verified where Value == Head {
    /// Checks a head under the newest root. Whether it is newer than the one that is there: `precedence(over:)`.
    public static func verify(
        _ envelope: [UInt8], under root: Root, checks: DocumentChecks
    ) throws(DocumentRefusal) -> Verified<Head> {
        try accept(envelope, under: root, checks: checks) { (head) throws(DocumentRefusal) in
            try root.requireFits(cluster: head.cluster, rootVersion: head.rootVersion, epoch: head.rank.epoch)
            return .model(head.channel.model)
        }
    }

    /// How this head stands to `other`, which is there already.
    /// - Precondition: both are of one model and channel.
    public func precedence(over other: Verified<Head>) -> Precedence {
        precondition(value.channel == other.value.channel, "\(value.channel) against \(other.value.channel)")
        if digest == other.digest { return .same }
        if value.rank != other.value.rank { return value.rank > other.value.rank ? .newer : .older }
        return digest < other.digest ? .conflictWon : .conflictLost
    }
}

extension Verified where Value == DenyRecord {
    /// Checks a deny record under the newest root.
    public static func verify(
        _ envelope: [UInt8], under root: Root, checks: DocumentChecks
    ) throws(DocumentRefusal) -> Verified<DenyRecord> {
        try accept(envelope, under: root, checks: checks) { (record) throws(DocumentRefusal) in
            try root.requireFits(cluster: record.cluster, rootVersion: record.rootVersion, epoch: record.rank.epoch)
            return record.subject.scope
        }
    }

    /// How this record stands to `other`, which is there already.
    /// - Precondition: both are of one subject.
    public func precedence(over other: Verified<DenyRecord>) -> Precedence {
        precondition(value.subject == other.value.subject, "\(value.subject) against \(other.value.subject)")
        if digest == other.digest { return .same }
        if value.rank != other.value.rank { return value.rank > other.value.rank ? .newer : .older }
        if value.state != other.value.state { return value.state == .denied ? .conflictWon : .conflictLost }
        return digest < other.digest ? .conflictWon : .conflictLost
    }
}

extension Verified {
    /// Bounds, envelope, digest, signatures of listed keys, and only then the body: the order of `documents.md`,
    /// section 2.
    private static func accept(
        _ envelope: [UInt8], expecting expected: Digest? = nil, under root: Root, checks: DocumentChecks,
        scope: (Value) throws(DocumentRefusal) -> RootKey.Scope
    ) throws(DocumentRefusal) -> Verified {
        let document = try SignedDocument.read(envelope, kind: Value.kind)
        let digest = document.digest(sha256: checks.sha256)
        if let expected, expected != digest { throw .otherDocument(digest: digest) }
        let signers = try document.validSignatures(under: [root], digest: digest, checks: checks)
        // Patterns are checked below: they need the model, which is in the body.
        try root.requireThreshold(of: Value.kind.right, for: .cluster, signers: signers)
        let value = try Value.read(document.body, checks)
        try root.requireThreshold(of: Value.kind.right, for: scope(value), signers: signers)
        return try Verified(value: value, digest: digest, document: document.keeping(signers))
    }
}

extension DocumentBody {
    fileprivate static func read(_ body: [UInt8], _ checks: DocumentChecks) throws(DocumentRefusal) -> Self {
        do { return try Self(body: body, sha256: checks.sha256) } catch { throw DocumentRefusal(error) }
    }
}

extension SignedDocument {
    fileprivate static func read(_ bytes: [UInt8], kind: DocumentKind) throws(DocumentRefusal) -> SignedDocument {
        let document: SignedDocument
        do { document = try SignedDocument(decoding: bytes) } catch { throw DocumentRefusal(error) }
        guard document.kind == kind else {
            throw .malformed(
                DocumentError(
                    .invalid, document: "envelope", field: "kind", detail: "a \(document.kind) instead of a \(kind)"))
        }
        return document
    }

    /// The ids of the listed keys that signed. Signatures by other keys are not looked at.
    fileprivate func validSignatures(
        under roots: [Root], digest: Digest, checks: DocumentChecks
    ) throws(DocumentRefusal) -> Set<Digest> {
        var signers: Set<Digest> = []
        for signature in signatures {
            guard let key = roots.lazy.compactMap({ $0.key(signature.keyID) }).first else { continue }
            guard checks.isValid(signature.bytes, digest, key.publicKey) else {
                throw .wrongSignature(keyID: key.keyID)
            }
            signers.insert(key.keyID)
        }
        return signers
    }

    /// The document with the signatures that were found valid, since what was not verified is never passed on.
    fileprivate func keeping(_ signers: Set<Digest>) throws(DocumentRefusal) -> SignedDocument {
        SignedDocument(unchecked: kind, body: body, signatures: signatures.filter { signers.contains($0.keyID) })
    }
}

extension Root {
    fileprivate func requireThreshold(
        of right: Right, for scope: RootKey.Scope, signers: Set<Digest>
    ) throws(DocumentRefusal) {
        let count = keys.count { signers.contains($0.keyID) && $0.may(right, for: scope) }
        guard count >= thresholds[right] else { throw .notEntitled(signers: count, threshold: thresholds[right]) }
    }

    fileprivate func requireFits(cluster: ClusterID, rootVersion: UInt32, epoch: UInt32) throws(DocumentRefusal) {
        guard cluster == self.cluster else { throw .otherCluster(cluster) }
        guard rootVersion <= version else { throw .newerRootNeeded(version: rootVersion) }
        guard epoch <= self.epoch else { throw .epochTooHigh(epoch: epoch, newest: self.epoch) }
    }
}
