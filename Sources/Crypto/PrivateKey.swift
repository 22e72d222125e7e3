internal import COpenSSL
public import Units

/// A P-256 private key. It is a value that holds the key's bytes: do not log it, and keep its PEM in a file that only
/// its owner may read.
public struct PrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    /// The other half.
    public let publicKey: PublicKey
    /// SEC1 in DER, from which OpenSSL's form is made for each use.
    private let der: [UInt8]

    /// Draws a new key.
    /// - Throws: `.failed` if OpenSSL has no memory.
    public static func generate() throws(CryptoError) -> PrivateKey {
        OpenSSL.clearErrors()
        guard let key = unsafe shoal_generate_p256() else {
            throw .openSSL(.failed, "make a private key", "OpenSSL made none")
        }
        defer { unsafe EVP_PKEY_free(key) }
        return try unsafe PrivateKey(handle: key)
    }

    /// Reads an unencrypted PEM key, PKCS#8 or SEC1.
    /// - Throws: `.badKey` unless it is a P-256 key.
    public init(pem: String) throws(CryptoError) {
        OpenSSL.clearErrors()
        let bytes = Array(pem.utf8)
        let refusal = "not an unencrypted P-256 private key in PEM"
        guard bytes.count <= Limits.privateKeyByteCountMax else {
            throw CryptoError(.badKey, "read a private key", refusal)
        }
        let key: OpaquePointer? = unsafe bytes.withUnsafeBytes { buffer in
            guard let bio = unsafe BIO_new_mem_buf(buffer.baseAddress, Int32(buffer.count)) else { return nil }
            defer { unsafe BIO_free(bio) }
            return unsafe shoal_read_private_key(bio)
        }
        guard let key = unsafe key else { throw .openSSL(.badKey, "read a private key", refusal) }
        defer { unsafe EVP_PKEY_free(key) }
        try unsafe self.init(handle: key)
    }

    private init(handle: OpaquePointer) throws(CryptoError) {
        guard let spki = unsafe OpenSSL.encode({ unsafe i2d_PUBKEY(handle, $0) }),
            let der = unsafe OpenSSL.encode({ unsafe i2d_PrivateKey(handle, $0) })
        else { throw .openSSL(.badKey, "read a private key", "not a P-256 key") }
        publicKey = try PublicKey(spki: spki)
        self.der = der
    }

    /// PKCS#8, unencrypted.
    public var pem: String {
        let text: String? = unsafe withHandle { key in
            guard let bio = unsafe BIO_new(BIO_s_mem()) else { return nil }
            defer { unsafe BIO_free(bio) }
            guard unsafe PEM_write_bio_PKCS8PrivateKey(bio, key, nil, nil, 0, nil, nil) == 1 else { return nil }
            var start: UnsafeMutablePointer<CChar>?
            let count = unsafe shoal_bio_contents(bio, &start)
            guard let bytes = unsafe start else { return nil }
            return unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        }
        guard let text else { preconditionFailure("OpenSSL has no memory for a private key") }
        return text
    }

    /// An ECDSA signature, in DER, over a SHA-256 digest.
    /// - Throws: `.failed` if OpenSSL has no memory or no randomness.
    public func sign(_ digest: Digest) throws(CryptoError) -> [UInt8] {
        OpenSSL.clearErrors()
        let bytes = digest.bytes
        let signature: [UInt8]? = unsafe withHandle { key in
            guard let context = unsafe EVP_PKEY_CTX_new(key, nil) else { return nil }
            defer { unsafe EVP_PKEY_CTX_free(context) }
            let isPrepared =
                unsafe EVP_PKEY_sign_init(context) == 1
                && EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
            var count = 0
            guard isPrepared, unsafe EVP_PKEY_sign(context, nil, &count, bytes, bytes.count) == 1 else { return nil }
            var signature = [UInt8](repeating: 0, count: count)
            guard unsafe EVP_PKEY_sign(context, &signature, &count, bytes, bytes.count) == 1 else { return nil }
            return Array(signature.prefix(count))
        }
        guard let signature else { throw .openSSL(.failed, "sign", "OpenSSL made no signature") }
        return signature
    }

    /// The public half's id: the secret is not shown.
    public var description: String { "private key of \(publicKey.keyID)" }

    /// Without the secret, so that no dump shows it.
    public var customMirror: Mirror { Mirror(self, children: ["publicKey": publicKey]) }

    /// Gives OpenSSL's form of the key to `body`, and frees it afterwards.
    func withHandle<T>(_ body: (OpaquePointer) -> T?) -> T? {
        let key = unsafe OpenSSL.decode(der, { unsafe d2i_PrivateKey(EVP_PKEY_EC, nil, $0, $1) }, free: EVP_PKEY_free)
        guard let key = unsafe key else { return nil }
        defer { unsafe EVP_PKEY_free(key) }
        return unsafe body(key)
    }
}
