internal import COpenSSL
public import Units

/// A request for a certificate (PKCS#10): a name and a key, signed with that key.
public struct CertificateRequest: Hashable, Sendable {
    /// The request itself.
    public let der: [UInt8]
    /// The name that is asked for.
    public let name: NodeName
    /// The key; whoever made the request holds its private half.
    public let publicKey: PublicKey

    /// Makes a request.
    /// - Throws: `.failed` if OpenSSL fails.
    public init(key: PrivateKey, name: NodeName) throws(CryptoError) {
        OpenSSL.clearErrors()
        let utf8 = Array(name.text.utf8.map(CChar.init(bitPattern:)))
        let der: [UInt8]? = unsafe key.withHandle { signer in
            guard let request = unsafe X509_REQ_new() else { return nil }
            defer { unsafe X509_REQ_free(request) }
            let subject = unsafe X509_REQ_get_subject_name(request)
            let isSigned =
                unsafe X509_REQ_set_version(request, 0) == 1
                && shoal_name_set_common_name(subject, utf8, Int32(utf8.count)) == 1
                && X509_REQ_set_pubkey(request, signer) == 1 && X509_REQ_sign(request, signer, EVP_sha256()) > 0
            return isSigned ? unsafe OpenSSL.encode({ unsafe i2d_X509_REQ(request, $0) }) : nil
        }
        guard let der else { throw .openSSL(.failed, "make a certificate request", "OpenSSL made none") }
        self.der = der
        self.name = name
        publicKey = key.publicKey
    }

    /// Reads a request and checks its signature. Safe on hostile input.
    /// - Throws: `.badRequest`, or `.badKey` if the key is not a P-256 key.
    public init(der: [UInt8]) throws(CryptoError) {
        OpenSSL.clearErrors()
        let read = { @Sendable (position: UnsafeMutablePointer<UnsafePointer<UInt8>?>, count: Int) in
            unsafe d2i_X509_REQ(nil, position, count)
        }
        guard der.count <= Limits.certificateByteCountMax,
            let request = unsafe OpenSSL.decode(der, read, free: X509_REQ_free)
        else { throw .openSSL(.badRequest, "read a certificate request", "not a request in DER") }
        defer { unsafe X509_REQ_free(request) }
        guard unsafe OpenSSL.encode({ unsafe i2d_X509_REQ(request, $0) }) == der,
            let spki = unsafe OpenSSL.encode({ unsafe i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), $0) })
        else { throw .openSSL(.badRequest, "read a certificate request", "not a request in its canonical form") }
        let publicKey = try PublicKey(spki: spki)
        let isGood = unsafe publicKey.withHandle { unsafe X509_REQ_verify(request, $0) == 1 }
        guard isGood == true else { throw .openSSL(.badRequest, "read a certificate request", "a wrong signature") }
        let text = unsafe Certificate.commonName(X509_REQ_get_subject_name(request))
        guard let name = text.flatMap({ NodeName($0) }) else {
            throw CryptoError(.badRequest, "read a certificate request", "its common name is not a node's name")
        }
        self.der = der
        self.name = name
        self.publicKey = publicKey
    }
}
