internal import COpenSSL

extension TLSError {
    /// Takes OpenSSL's queue and names what is in it.
    ///
    /// - Parameter verdict: `SSL_get_verify_result`, which tells why a certificate was refused.
    static func drained(verdict: Int, otherwise: String) -> TLSError {
        let errors = OpenSSL.drainErrors()
        let text = errors.isEmpty ? otherwise : errors.map(\.text).joined(separator: ", ")
        for error in errors where error.library == ERR_LIB_SSL {
            if let named = named(reason: error.reason, verdict: verdict, text: text) { return named }
        }
        return TLSError(errors.isEmpty ? .failed : .protocolViolation, text)
    }

    private static func named(reason: Int32, verdict: Int, text: String) -> TLSError? {
        switch reason {
        case SSL_AD_REASON_OFFSET...(SSL_AD_REASON_OFFSET + 255):
            return TLSError(alert: reason - SSL_AD_REASON_OFFSET, text: text)
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return TLSError(verdict: Int32(truncatingIfNeeded: verdict))
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return TLSError(.noCertificate, "the peer showed no certificate")
        case SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_CALLBACK_FAILED:
            return TLSError(.wrongProtocol, "the peer offered no application protocol that is spoken here")
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_VERSION_TOO_HIGH, SSL_R_NO_PROTOCOLS_AVAILABLE,
            SSL_R_WRONG_SSL_VERSION:
            return TLSError(.wrongVersion, "the peer does not speak TLS 1.3 (\(text))")
        default: return nil
        }
    }

    /// The peer's alert.
    private init(alert: Int32, text: String) {
        let code: Code =
            switch alert {
            case SSL_AD_CERTIFICATE_REQUIRED: .noCertificate
            case SSL_AD_UNKNOWN_CA: .unknownCA
            case SSL_AD_CERTIFICATE_EXPIRED: .expired
            case SSL_AD_CERTIFICATE_REVOKED: .denied
            case SSL_AD_BAD_CERTIFICATE, SSL_AD_UNSUPPORTED_CERTIFICATE, SSL_AD_CERTIFICATE_UNKNOWN: .badCertificate
            case SSL_AD_PROTOCOL_VERSION: .wrongVersion
            case SSL_AD_NO_APPLICATION_PROTOCOL: .wrongProtocol
            default: .protocolViolation
            }
        self.init(code, by: .peer, "alert \(alert): \(text)")
    }

    /// Our verdict on the peer's certificate.
    private init(verdict: Int32) {
        let code: Code =
            switch verdict {
            case X509_V_ERR_CERT_HAS_EXPIRED: .expired
            case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
            case X509_V_ERR_CERT_REVOKED: .denied
            case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
                X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
                X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_V_ERR_CERT_UNTRUSTED:
                .unknownCA
            default: .badCertificate
            }
        // The certificate that was refused for its identity has no reason of its own in OpenSSL.
        let text =
            verdict == X509_V_ERR_CERT_REJECTED
            ? "it does not say which node it is for"
            : unsafe String(cString: X509_verify_cert_error_string(Int(verdict)))
        self.init(code, "the peer's certificate is refused: \(text)")
    }
}
