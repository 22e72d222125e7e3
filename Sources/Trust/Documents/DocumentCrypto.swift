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
}
