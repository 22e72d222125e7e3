internal import COpenSSL
internal import Units

/// What all sessions of one kind share: certificates, key, rules. Made anew when one of them changes; sessions keep the
/// context that they were made with. Confined to its owner.
@safe
public final class TLSContext {
    /// What it was made of.
    public let configuration: TLSConfiguration
    let handle: OpaquePointer

    /// - Throws: `.failed` if the chain and the key do not fit, or a member has neither.
    public init(_ configuration: TLSConfiguration) throws(TLSError) {
        OpenSSL.clearErrors()
        guard let handle = unsafe SSL_CTX_new(TLS_method()) else {
            throw .drained(verdict: 0, otherwise: "OpenSSL made no context")
        }
        self.configuration = configuration
        unsafe self.handle = unsafe handle
        guard setRules(), setIdentity(), setAuthorities(), setProtocols() else {
            throw TLSError(.failed, "unusable TLS configuration: \(OpenSSL.drainErrors().map(\.text))")
        }
        installVerification()
    }

    deinit { unsafe SSL_CTX_free(handle) }

    /// True if sessions of this context are dialled.
    var isServer: Bool {
        switch configuration.mode {
        case .server, .serverAllowingJoin: true
        case .client, .joiningClient: false
        }
    }

    /// True if a newcomer may come without a certificate.
    var isJoinAllowed: Bool { configuration.mode == .serverAllowingJoin }

    /// What a client offers.
    var offeredProtocols: [String] {
        if let offered = configuration.testsOnly_protocols { return offered }
        return if case .joiningClient = configuration.mode { [TLSProtocol.join.rawValue] } else {
            [TLSProtocol.shoal.rawValue]
        }
    }

    private func setRules() -> Bool {
        let version = configuration.testsOnly_maximumVersion12 ? TLS1_2_VERSION : TLS1_3_VERSION
        let suites = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
        unsafe SSL_CTX_set_verify_depth(handle, Int32(Limits.tlsVerificationDepth))
        if let time = configuration.verificationTime {
            unsafe X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(handle), time_t(time.secondsSince1970))
        }
        return unsafe shoal_context_configure(handle, version, "X25519:P-256") == 1
            && SSL_CTX_set_ciphersuites(handle, suites) == 1
    }

    private func setIdentity() -> Bool {
        guard let leaf = configuration.chain.first, let key = configuration.key else {
            if case .joiningClient = configuration.mode { return true }
            return false
        }
        let isSet =
            unsafe leaf.withHandle { unsafe SSL_CTX_use_certificate(handle, $0) == 1 } == true
            && key.withHandle { unsafe SSL_CTX_use_PrivateKey(handle, $0) == 1 } == true
        guard isSet, unsafe SSL_CTX_check_private_key(handle) == 1 else { return false }
        return configuration.chain.dropFirst().allSatisfy { certificate in
            unsafe certificate.withHandle { unsafe shoal_context_add_chain(handle, $0) == 1 } == true
        }
    }

    private func setAuthorities() -> Bool {
        guard let store = unsafe X509_STORE_new() else { return false }
        // The context owns the store from here on; the system's own authorities are not in it.
        unsafe SSL_CTX_set_cert_store(handle, store)
        return configuration.authorities.allSatisfy { certificate in
            unsafe certificate.withHandle { unsafe X509_STORE_add_cert(store, $0) == 1 } == true
        }
    }

    private func setProtocols() -> Bool {
        if isServer {
            installProtocolChoice()
            return true
        }
        let list = offeredProtocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        // This one function says 0 for success.
        return unsafe list.isEmpty || SSL_CTX_set_alpn_protos(handle, list, UInt32(list.count)) == 0
    }
}
