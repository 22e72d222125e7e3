internal import Crypto
internal import EventLoop
internal import Manifest
internal import Units

extension Trust {
    /// Opens the trust of a state folder. It reads all documents, and blocks.
    /// - Throws: `.notJoined`; `.invalid` if a key, the certificate or a root is damaged; `.newerFormat`;
    ///   `.misconfigured` if a key here may sign documents; `.permission`.
    public static func open(statePath: String) throws(TrustError) -> Trust {
        try open(StateFolder(path: statePath))
    }

    static func open(_ files: StateFolder) throws(TrustError) -> Trust {
        let identity = try NodeIdentity.load(from: files)
        let roots = try DocumentJudge.chain(try DocumentArchive(files).roots())
        guard let newest = roots.last else {
            throw TrustError(.invalid, "\(files.path) has no root document; restore it from a backup, or join anew")
        }
        guard newest.value.cluster == identity.cluster else {
            throw TrustError(
                .invalid, "\(files.path) has a certificate of one cluster and the root of another; join anew")
        }
        let trust = Trust(identity, roots, try DocumentJudge.authorities(of: newest.value), files)
        try trust.refuseSigningKeys()
        try trust.loadIssuer()
        try trust.loadDocuments()
        return trust
    }

    /// Removes what a power cut left of files that were being replaced. For the agent that holds the store's lock:
    /// another one's file may be in the middle of its replacement.
    public func removeLeftovers() { files.removeLeftovers() }

    /// A stolen node must be worth nothing to a forger: keys that may sign do not lie in a state folder.
    private func refuseSigningKeys() throws(TrustError) {
        for name in try files.list("keys") where name.hasSuffix(".pem") {
            guard let pem = try files.readText(at: "keys/\(name)"), let key = try? PrivateKey(pem: pem) else {
                continue
            }
            guard root.value.key(key.publicKey.keyID) == nil else {
                throw TrustError(
                    .misconfigured,
                    "\(files.path)/keys/\(name) may sign for the cluster; move it to a folder of its own (--keys)"
                )
            }
        }
    }

    private func loadIssuer() throws(TrustError) {
        guard let pem = try files.readText(at: StateFolder.authorityKey) else { return }
        let authority: CertificateAuthority
        do throws(CryptoError) {
            let key = try PrivateKey(pem: pem)
            guard let certificate = authorities.first(where: { $0.publicKey == key.publicKey }) else { return }
            authority = try CertificateAuthority(certificate: certificate, key: key)
        } catch {
            throw TrustError(.invalid, "\(files.path)/\(StateFolder.authorityKey) cannot be used: \(error)")
        }
        issuer = try CertificateIssuer(authority: authority, identity: identity, files: files)
    }

    private func loadDocuments() throws(TrustError) {
        let checks = DocumentCrypto.checks
        try load(.deny) { (bytes) throws(DocumentRefusal) in
            let record = try underAnyRoot { (root) throws(DocumentRefusal) in
                try Verified<DenyRecord>.verify(bytes, under: root, checks: checks)
            }
            var list = denyList
            if list.apply(record) != nil { take(record, in: list) }
        }
        try load(.heads) { (bytes) throws(DocumentRefusal) in
            take(
                try underAnyRoot { (root) throws(DocumentRefusal) in
                    try Verified<Head>.verify(bytes, under: root, checks: checks)
                })
        }
        try load(.manifests) { (bytes) throws(DocumentRefusal) in
            let manifest = try underAnyRoot { (root) throws(DocumentRefusal) in
                try Verified<Manifest>.verify(bytes, under: root, checks: checks)
            }
            if verifies(manifest) {
                manifests[manifest.digest] = manifest
            } else {
                retained[manifest.digest] = manifest
            }
        }
    }

    /// One damaged file must not keep an agent from starting: what it loses, its neighbours have.
    private func load(
        _ folder: DocumentArchive.Folder, _ take: ([UInt8]) throws(DocumentRefusal) -> Void
    ) throws(TrustError) {
        for (path, bytes) in try archive.envelopes(folder) {
            do throws(DocumentRefusal) { try take(bytes) } catch { unusableFiles.append("\(path): \(error)") }
        }
    }

    /// What was accepted was genuine under the root that was the newest then.
    private func underAnyRoot<Value>(
        _ verify: (Root) throws(DocumentRefusal) -> Verified<Value>
    ) throws(DocumentRefusal) -> Verified<Value> {
        for older in roots.dropFirst().reversed() {
            if let value = try? verify(older.value) { return value }
        }
        guard let first = roots.first else { preconditionFailure("an agent without a root") }
        return try verify(first.value)
    }
}
