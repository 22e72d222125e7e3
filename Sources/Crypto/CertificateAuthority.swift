internal import COpenSSL
public import Units

/// A cluster's certificate authority: its self-signed certificate and the key for it.
public struct CertificateAuthority: Sendable {
    /// The root certificate, which every member of the cluster trusts.
    public let certificate: Certificate
    private let key: PrivateKey

    /// - Throws: `.badKey` if the key is not the certificate's; `.badCertificate` if that may not sign certificates.
    public init(certificate: Certificate, key: PrivateKey) throws(CryptoError) {
        guard certificate.publicKey == key.publicKey else {
            throw CryptoError(.badKey, "open the authority", "the key is not the one in the \(certificate)")
        }
        guard certificate.isAuthority, certificate.isSelfSigned else {
            throw CryptoError(.badCertificate, "open the authority", "not a root certificate: \(certificate)")
        }
        self.certificate = certificate
        self.key = key
    }

    /// Makes a root certificate: it may sign certificates for nodes, and no further authorities.
    /// - Throws: `.badCertificate` if `name` is empty or longer than 64 bytes; `.failed` if OpenSSL fails.
    public static func makeRoot(
        name: String, key: PrivateKey, validity: CertificateValidity
    ) throws(CryptoError) -> CertificateAuthority {
        guard !name.isEmpty, name.utf8.count <= Limits.commonNameByteCountMax else {
            throw CryptoError(.badCertificate, "make a root", "a name of 1 to 64 bytes is needed")
        }
        let draft = Draft(
            name: name, publicKey: key.publicKey, validity: validity,
            extensions: [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "critical,keyCertSign"),
                (NID_subject_key_identifier, "hash"),
            ])
        let certificate = try draft.sign(key: key, issuer: nil)
        return try CertificateAuthority(certificate: certificate, key: key)
    }

    /// Makes a cluster's root certificate. Its name ends in a space and `CA`, so that no node can bear it: a
    /// certificate whose subject is its issuer's looks self-signed.
    /// - Throws: `.failed` if OpenSSL fails.
    public static func makeRoot(
        cluster: NodeName, key: PrivateKey, validity: CertificateValidity
    ) throws(CryptoError) -> CertificateAuthority {
        let suffix = " CA"
        let room = Limits.commonNameByteCountMax - suffix.utf8.count
        return try makeRoot(name: String(cluster.text.prefix(room)) + suffix, key: key, validity: validity)
    }

    /// Makes a node's certificate, for both ends of a connection.
    /// - Throws: `.failed` if OpenSSL fails.
    public func issue(
        for publicKey: PublicKey, name: NodeName, cluster: ClusterID, validity: CertificateValidity
    ) throws(CryptoError) -> Certificate {
        let fields = NodeIdentityFields(cluster: cluster, node: publicKey.nodeID, name: name)
        let draft = Draft(
            name: name.text, publicKey: publicKey, validity: validity,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth,clientAuth"), (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid:always"), (NID_subject_alt_name, "URI:\(fields.uri)"),
            ])
        return try draft.sign(key: key, issuer: certificate)
    }
}

/// What a certificate will say.
struct Draft {
    let name: String
    let publicKey: PublicKey
    let validity: CertificateValidity
    /// In OpenSSL's configuration language, so nothing that a peer chose may be in it.
    let extensions: [(nid: Int32, value: String)]

    /// `issuer` is nil for a self-signed certificate.
    func sign(key: PrivateKey, issuer: Certificate?) throws(CryptoError) -> Certificate {
        OpenSSL.clearErrors()
        let der: [UInt8]? = unsafe key.withHandle { signer in
            guard let handle = unsafe X509_new() else { return nil }
            defer { unsafe X509_free(handle) }
            guard unsafe fill(handle) else { return nil }
            let isSigned =
                if let issuer {
                    unsafe issuer.withHandle { unsafe finish(handle, issuer: $0, signer: signer) } == true
                } else {
                    unsafe finish(handle, issuer: handle, signer: signer)
                }
            return isSigned ? unsafe OpenSSL.encode({ unsafe i2d_X509(handle, $0) }) : nil
        }
        guard let der else { throw .openSSL(.failed, "make a certificate", "OpenSSL made none") }
        return try Certificate(der: der)
    }

    /// Everything but the extensions and the issuer.
    private func fill(_ handle: OpaquePointer) -> Bool {
        var serial = SecureRandom.bytes(16)
        // Positive, and always 16 bytes.
        serial[0] = serial[0] & 0x7F | 0x40
        guard let number = unsafe BN_bin2bn(serial, Int32(serial.count), nil) else { return false }
        defer { unsafe BN_free(number) }
        let utf8 = Array(name.utf8.map(CChar.init(bitPattern:)))
        return unsafe X509_set_version(handle, 2) == 1
            && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(handle)) != nil
            && ASN1_TIME_set(X509_getm_notBefore(handle), time_t(validity.notBefore.secondsSince1970)) != nil
            && ASN1_TIME_set(X509_getm_notAfter(handle), time_t(validity.notAfter.secondsSince1970)) != nil
            && shoal_name_set_common_name(X509_get_subject_name(handle), utf8, Int32(utf8.count)) == 1
            && publicKey.withHandle { unsafe X509_set_pubkey(handle, $0) == 1 } == true
    }

    private func finish(_ handle: OpaquePointer, issuer: OpaquePointer, signer: OpaquePointer) -> Bool {
        guard unsafe X509_set_issuer_name(handle, X509_get_subject_name(issuer)) == 1 else { return false }
        for (nid, value) in extensions {
            guard unsafe shoal_certificate_add_extension(handle, issuer, nid, value) == 1 else { return false }
        }
        return unsafe X509_sign(handle, signer, EVP_sha256()) > 0
    }
}
