internal import Crypto
internal import Manifest
internal import Units

/// What the pure floors ask of cryptography, in the form that they ask it.
enum DocumentCrypto {
    /// SHA-256 over pieces, one after the other.
    static let sha256: SHA256Function = { pieces in
        var hasher = SHA256Hasher()
        for piece in pieces { hasher.update(piece) }
        return hasher.finish()
    }

    /// Hashes and signatures.
    static let checks = DocumentChecks(sha256: sha256) { signature, digest, publicKey in
        guard let key = try? PublicKey(spki: publicKey) else { return false }
        return key.verify(signature, over: digest)
    }
}
