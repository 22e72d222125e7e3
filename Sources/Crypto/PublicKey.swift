internal import COpenSSL
public import Units

/// A P-256 public key, on the curve, in the one encoding that Shoal knows.
public struct PublicKey: Hashable, Sendable, CustomStringConvertible {
    /// SubjectPublicKeyInfo in DER: named curve, uncompressed point; always 91 bytes.
    public let spki: [UInt8]
    /// SHA-256 of `spki`; documents name keys by it.
    public let keyID: Digest

    /// id-ecPublicKey, prime256v1, and the start of an uncompressed point.
    private static let prefix: [UInt8] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE,
        0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ]
    private static let byteCount = 91

    /// Safe on hostile input.
    /// - Throws: `.badKey` unless `spki` is the canonical encoding of a point on P-256.
    public init(spki: [UInt8]) throws(CryptoError) {
        guard spki.count == Self.byteCount, spki.starts(with: Self.prefix) else {
            throw CryptoError(.badKey, "read a public key", "not a P-256 key in its canonical form")
        }
        OpenSSL.clearErrors()
        guard let key = unsafe Self.open(spki) else {
            throw .openSSL(.badKey, "read a public key", "not a point on P-256")
        }
        defer { unsafe EVP_PKEY_free(key) }
        guard unsafe OpenSSL.encode({ unsafe i2d_PUBKEY(key, $0) }) == spki else {
            throw CryptoError(.badKey, "read a public key", "not in its canonical form")
        }
        self.spki = spki
        keyID = SHA256.hash(spki)
    }

    /// The id of a node that holds the private key: the first 16 bytes of `keyID`.
    public var nodeID: NodeID { NodeID(exactly: Array(keyID.bytes.prefix(NodeID.byteCount))) }

    /// The key's id.
    public var description: String { "public key \(keyID)" }

    /// True if `signature` is an ECDSA signature over `digest`, in strict DER: OpenSSL encodes again what it read, and
    /// refuses a difference. Safe on hostile input; some 0.2 ms.
    public func verify(_ signature: [UInt8], over digest: Digest) -> Bool {
        SignatureVerifier(self)?.verify(signature, over: digest) ?? false
    }

    /// OpenSSL's form of the key; the caller frees it.
    static func open(_ spki: [UInt8]) -> OpaquePointer? {
        unsafe OpenSSL.decode(spki, { unsafe d2i_PUBKEY(nil, $0, $1) }, free: EVP_PKEY_free)
    }

    /// Gives OpenSSL's form of the key to `body`, and frees it afterwards.
    func withHandle<T>(_ body: (OpaquePointer) -> T?) -> T? {
        guard let key = unsafe Self.open(spki) else { return nil }
        defer { unsafe EVP_PKEY_free(key) }
        return unsafe body(key)
    }
}
