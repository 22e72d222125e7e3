internal import Crypto
internal import Files
public import Manifest
internal import Units

/// The keys of a publisher or operator: PEM files in a folder of their own, never below a state folder.
public struct KeyFolder: Sendable {
    private let path: String
    private let keys: [PrivateKey]

    /// Reads all keys of the folder.
    /// - Throws: `.notFound` if there is none; `.invalid` if one is damaged or others may read it.
    public static func open(_ path: String) throws(TrustError) -> KeyFolder {
        let folder = try StateFolder(path: path)
        var keys: [PrivateKey] = []
        for name in try folder.list(".") where name.hasSuffix(".pem") {
            guard let pem = try folder.readText(at: name) else { continue }
            do throws(CryptoError) {
                keys.append(try PrivateKey(pem: pem))
            } catch {
                throw TrustError(.invalid, "\(path)/\(name) is no private key on P-256: \(error)")
            }
        }
        guard !keys.isEmpty else {
            throw TrustError(.notFound, "no keys in \(path); name their folder with --keys or SHOAL_KEYS")
        }
        return KeyFolder(path: path, keys: keys)
    }

    /// Where the keys of a cluster lie unless told otherwise.
    public static func defaultPath(home: String, cluster: String) -> String { "\(home)/.config/shoal/\(cluster)" }

    /// Whether a key here may do `right` for `model` under `root`.
    public func entitles(_ right: Right, for subject: RootKey.Scope, under root: Root) -> Bool {
        !signers(right, subject, root).isEmpty
    }

    /// Signs a body with every key here that the root entitles.
    /// - Throws: `.notAllowed` if there are fewer of them than the root's threshold.
    public func sign(
        _ value: some DocumentBody, as right: Right, for subject: RootKey.Scope, under root: Root
    ) throws(TrustError) -> SignedDocument {
        let signers = signers(right, subject, root)
        let needed = root.thresholds[right]
        guard signers.count >= needed else {
            throw TrustError(
                .notAllowed,
                "\(path) has \(signers.count) keys that may \(right) \(subject), and \(needed) must sign; name another folder with --keys")
        }
        let kind = type(of: value).kind
        let body = value.encode()
        let digest = SignedDocument.digest(kind: kind, body: body, sha256: DocumentCrypto.sha256)
        do {
            let signatures = try signers.map { DocumentSignature(keyID: $0.publicKey.keyID, bytes: try $0.sign(digest)) }
            return try SignedDocument(kind: kind, body: body, signatures: signatures)
        } catch {
            throw TrustError(.invalid, "\(error)")
        }
    }

    private func signers(_ right: Right, _ subject: RootKey.Scope, _ root: Root) -> [PrivateKey] {
        keys.filter { key in
            root.keys.contains { $0.keyID == key.publicKey.keyID && $0.rights.includes(right) && $0.may(right, for: subject) }
        }
    }
}
