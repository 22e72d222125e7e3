internal import COpenSSL
public import Units

/// From when until when a certificate is good.
public struct CertificateValidity: Hashable, Sendable {
    /// The first second.
    public let notBefore: WallTime
    /// The last second.
    public let notAfter: WallTime

    /// From `notBefore` until `notAfter`, both included.
    public init(notBefore: WallTime, notAfter: WallTime) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// True between the two ends, both included.
    public func contains(_ time: WallTime) -> Bool { notBefore <= time && time <= notAfter }
}

/// An X.509 certificate for a P-256 key. That it was read says nothing about who signed it.
public struct Certificate: Hashable, Sendable, CustomStringConvertible {
    /// The certificate itself.
    public let der: [UInt8]
    /// The subject's common name; nil unless there is exactly one.
    public let commonName: String?
    /// The URIs among the subject's alternative names, in order.
    public let alternativeURIs: [String]
    /// How many alternative names of any kind there are.
    let alternativeNameCount: Int
    /// When it is good.
    public let validity: CertificateValidity
    /// The subject's key.
    public let publicKey: PublicKey
    /// True if the subject's own key signed it.
    public let isSelfSigned: Bool
    /// True if it may sign certificates.
    public let isAuthority: Bool

    /// Safe on hostile input.
    /// - Throws: `.badCertificate` unless `der` is one certificate in its canonical encoding; `.badKey` if its key is
    ///   not a P-256 key.
    public init(der: [UInt8]) throws(CryptoError) {
        OpenSSL.clearErrors()
        guard der.count <= Limits.certificateByteCountMax, let handle = unsafe Self.open(der) else {
            throw .openSSL(.badCertificate, "read a certificate", "not a certificate in DER")
        }
        defer { unsafe X509_free(handle) }
        try unsafe self.init(handle: handle, der: der)
    }

    private init(handle: OpaquePointer, der: [UInt8]) throws(CryptoError) {
        let names = unsafe Self.alternativeNames(of: handle)
        let times = unsafe (X509_get0_notBefore(handle), X509_get0_notAfter(handle))
        guard unsafe OpenSSL.encode({ unsafe i2d_X509(handle, $0) }) == der, let names,
            let notBefore = unsafe Self.time(times.0), let notAfter = unsafe Self.time(times.1),
            let spki = unsafe OpenSSL.encode({ unsafe i2d_X509_PUBKEY(X509_get_X509_PUBKEY(handle), $0) })
        else { throw .openSSL(.badCertificate, "read a certificate", "not a certificate in its canonical form") }
        self.der = der
        commonName = unsafe Self.commonName(X509_get_subject_name(handle))
        alternativeURIs = names.uris
        alternativeNameCount = names.count
        validity = CertificateValidity(notBefore: notBefore, notAfter: notAfter)
        publicKey = try PublicKey(spki: spki)
        isSelfSigned = unsafe X509_self_signed(handle, 1) == 1
        isAuthority = unsafe X509_check_ca(handle) == 1
        OpenSSL.clearErrors()
    }

    /// The subject, and the end of its life.
    public var description: String { "certificate of \(commonName ?? "?"), good until \(validity.notAfter)" }

    /// Checks that one of `authorities` issued this certificate, directly, and that both are good at `time`.
    /// - Throws: `.unknownAuthority`, `.outsideValidity` or `.badCertificate`.
    public func requireIssuer(among authorities: [Certificate], at time: WallTime) throws(CryptoError) {
        OpenSSL.clearErrors()
        let result = Self.verify(self, authorities, at: time)
        OpenSSL.clearErrors()
        guard result != X509_V_OK else { return }
        let text = unsafe String(cString: X509_verify_cert_error_string(Int(result)))
        switch result {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID:
            throw CryptoError(.outsideValidity, "check a certificate", "\(text) at \(time): \(self)")
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            throw CryptoError(
                .unknownAuthority, "check a certificate", "issued by no authority of the cluster: \(self)")
        default: throw CryptoError(.badCertificate, "check a certificate", "\(text): \(self)")
        }
    }
}

extension Certificate {
    /// OpenSSL's form; the caller frees it.
    static func open(_ der: [UInt8]) -> OpaquePointer? {
        unsafe OpenSSL.decode(der, { unsafe d2i_X509(nil, $0, $1) }, free: X509_free)
    }

    /// Gives OpenSSL's form to `body`, and frees it afterwards.
    func withHandle<T>(_ body: (OpaquePointer) -> T?) -> T? {
        guard let handle = unsafe Self.open(der) else { return nil }
        defer { unsafe X509_free(handle) }
        return unsafe body(handle)
    }

    /// The one common name in `name`.
    static func commonName(_ name: OpaquePointer?) -> String? {
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe shoal_name_common_name(name, &start)
        guard count >= 0, let bytes = unsafe start else { return nil }
        defer { unsafe shoal_free(bytes) }
        return unsafe String(validating: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }

    /// Nil if the extension is malformed or there more than once.
    private static func alternativeNames(of handle: OpaquePointer) -> (uris: [String], count: Int)? {
        var critical: Int32 = 0
        guard let names = unsafe shoal_alternative_names(handle, &critical) else {
            return critical == -1 ? ([], 0) : nil
        }
        defer { unsafe GENERAL_NAMES_free(names) }
        let nameCount = unsafe shoal_alternative_names_count(names)
        var uris: [String] = []
        for index in 0..<nameCount {
            var start: UnsafePointer<UInt8>?
            let count = unsafe shoal_alternative_names_uri(names, index, &start)
            guard count >= 0 else { continue }
            let bytes = unsafe UnsafeBufferPointer(start: start, count: Int(count))
            guard let uri = unsafe String(validating: bytes, as: UTF8.self) else { return nil }
            uris.append(uri)
        }
        return (uris, Int(nameCount))
    }

    /// Nil if it is not a time.
    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> WallTime? {
        guard let epoch = unsafe ASN1_TIME_set(nil, 0) else { return nil }
        defer { unsafe ASN1_TIME_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard unsafe ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return nil }
        return WallTime(secondsSince1970: Int64(days) * 86_400 + Int64(seconds))
    }

    /// OpenSSL's verdict on a chain of `leaf` and one of `authorities`.
    private static func verify(_ leaf: Certificate, _ authorities: [Certificate], at time: WallTime) -> Int32 {
        let verdict: Int32? = unsafe withStack(of: authorities) { stack in
            unsafe leaf.withHandle { handle in
                guard let context = unsafe X509_STORE_CTX_new() else { return nil }
                defer { unsafe X509_STORE_CTX_free(context) }
                guard unsafe X509_STORE_CTX_init(context, nil, handle, nil) == 1 else { return nil }
                unsafe X509_STORE_CTX_set0_trusted_stack(context, stack)
                unsafe X509_STORE_CTX_set_time(context, 0, time_t(time.secondsSince1970))
                guard unsafe X509_verify_cert(context) != 1 else { return X509_V_OK }
                return unsafe X509_STORE_CTX_get_error(context)
            }
        }
        return verdict ?? X509_V_ERR_UNSPECIFIED
    }

    /// Gives `certificates` to `body` as OpenSSL's stack, and frees it afterwards.
    static func withStack<T>(of certificates: [Certificate], _ body: (OpaquePointer) -> T?) -> T? {
        guard let stack = unsafe shoal_certificates_new() else { return nil }
        defer { unsafe shoal_certificates_free(stack) }
        for certificate in certificates {
            let isPushed = unsafe certificate.withHandle { unsafe shoal_certificates_push(stack, $0) == 1 }
            guard isPushed == true else { return nil }
        }
        return unsafe body(stack)
    }
}
