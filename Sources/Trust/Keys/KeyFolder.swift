internal import Crypto
public import Manifest
internal import Units

/// The keys of a publisher or operator: PEM files in a folder of their own, never below a state folder.
public struct KeyFolder: Sendable {
    private let path: String
    private let keys: [PrivateKey]

    /// Reads all keys of the folder, files that end in `.pem`.
    /// - Throws: `.notFound` if there is none; `.notAllowed` if others than the owner may read one; `.invalid` if one
    ///   is damaged; `.permission` if this user may not read them.
    public static func open(_ path: String) throws(TrustError) -> KeyFolder {
        let hint = "name their folder with --keys or SHOAL_KEYS"
        let folder: StateFolder
        do throws(TrustError) {
            folder = try StateFolder(path: path)
        } catch {
            throw error.code == .notJoined
                ? TrustError(.notFound, "there is no folder of keys \(path); \(hint)") : error
        }
        let keys = try folder.list(".").filter { $0.hasSuffix(".pem") }.map { (name) throws(TrustError) in
            try read(name, in: folder)
        }
        guard !keys.isEmpty else { throw TrustError(.notFound, "no keys in \(path); \(hint)") }
        return KeyFolder(path: path, keys: keys.sorted { $0.publicKey.keyID < $1.publicKey.keyID })
    }

    private static func read(_ name: String, in folder: StateFolder) throws(TrustError) -> PrivateKey {
        guard try folder.mode(of: name) & 0o077 == 0 else {
            let file = "\(folder.path)/\(name)"
            throw TrustError(.notAllowed, "others may read the key \(file); run `chmod 400 \(file)`")
        }
        guard let pem = try folder.readText(at: name) else {
            throw TrustError(.notFound, "\(folder.path)/\(name) went away while it was read")
        }
        do throws(CryptoError) {
            return try PrivateKey(pem: pem)
        } catch {
            throw TrustError(.invalid, "\(folder.path)/\(name) is no private key on P-256: \(error)")
        }
    }

    /// Where the keys of a cluster lie unless told otherwise.
    public static func defaultPath(home: String, cluster: String) -> String { "\(home)/.config/shoal/\(cluster)" }

    /// Whether a key here may do `right` for `subject` under `root`.
    public func entitles(_ right: Right, for subject: RootKey.Scope, under root: Root) -> Bool {
        !signers(right, subject, root).isEmpty
    }

    /// Signs a body with as many keys here as the root asks for.
    /// - Throws: `.notAllowed` if fewer of them have the right.
    public func sign(
        _ value: some DocumentBody, as right: Right, for subject: RootKey.Scope, under root: Root
    ) throws(TrustError) -> SignedDocument {
        let signers = signers(right, subject, root)
        let needed = root.thresholds[right]
        guard signers.count >= needed else {
            let wish = "\(right) \(Self.words(for: subject)) in cluster \(root.clusterName)"
            throw TrustError(
                .notAllowed,
                signers.isEmpty
                    ? "no key in \(path) may \(wish); name another folder with --keys"
                    : "\(path) has \(signers.count) of the \(needed) keys that must sign to \(wish)")
        }
        let kind = type(of: value).kind
        let body = value.encode()
        let digest = SignedDocument.digest(kind: kind, body: body, sha256: DocumentCrypto.sha256)
        do {
            let signatures = try signers.prefix(needed).map {
                DocumentSignature(keyID: $0.publicKey.keyID, bytes: try $0.sign(digest))
            }
            return try SignedDocument(kind: kind, body: body, signatures: signatures)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
    }

    private func signers(_ right: Right, _ subject: RootKey.Scope, _ root: Root) -> [PrivateKey] {
        keys.filter { root.key($0.publicKey.keyID)?.may(right, for: subject) ?? false }
    }

    private static func words(for subject: RootKey.Scope) -> String {
        switch subject {
        case .cluster: "documents"
        case .everyModel: "nodes"
        case .model(let model): model.text
        }
    }
}
