internal import COpenSSL
public import Units

/// A public key in the form in which OpenSSL uses it, for whoever checks many signatures of one: to make it takes twice
/// as long as to check one. Any thread may use it.
@safe public final class SignatureVerifier: @unchecked Sendable {
    private let handle: OpaquePointer

    /// Nil if OpenSSL has no memory.
    public init?(_ key: PublicKey) {
        OpenSSL.clearErrors()
        guard let handle = unsafe PublicKey.open(key.spki) else { return nil }
        unsafe self.handle = handle
    }

    deinit { unsafe EVP_PKEY_free(handle) }

    /// See `PublicKey.verify(_:over:)`; some 0.1 ms.
    public func verify(_ signature: [UInt8], over digest: Digest) -> Bool {
        OpenSSL.clearErrors()
        guard let context = unsafe EVP_PKEY_CTX_new(handle, nil) else { return false }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        let bytes = digest.bytes
        let isPrepared =
            unsafe EVP_PKEY_verify_init(context) == 1
            && EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1
        let isGood =
            unsafe isPrepared
            && EVP_PKEY_verify(context, signature, signature.count, bytes, bytes.count) == 1
        OpenSSL.clearErrors()
        return isGood
    }
}
