internal import COpenSSL
internal import Units

/// What OpenSSL asks during a handshake. The context is the callbacks' argument: a session keeps its context, so it
/// outlives every handshake.
extension TLSContext {
    private static let mutual = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT

    /// Certificates are demanded, and judged by `judge`.
    func installVerification() {
        unsafe SSL_CTX_set_verify(handle, Self.mutual, nil)
        let judge: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, argument in
            guard let store = unsafe store, let argument = unsafe argument else { return 0 }
            let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
            return unsafe context.judge(store) ? 1 : 0
        }
        unsafe SSL_CTX_set_cert_verify_callback(handle, judge, Unmanaged.passUnretained(self).toOpaque())
    }

    /// A server looks at the protocols that a hello offers before anything else, then takes one of them.
    func installProtocolChoice() {
        let argument = unsafe Unmanaged.passUnretained(self).toOpaque()
        let hello: SSL_client_hello_cb_fn = { session, alert, argument in
            guard let session = unsafe session, let argument = unsafe argument else { return SSL_CLIENT_HELLO_ERROR }
            let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
            guard unsafe context.admit(session) else {
                unsafe alert?.pointee = SSL_AD_NO_APPLICATION_PROTOCOL
                return SSL_CLIENT_HELLO_ERROR
            }
            return SSL_CLIENT_HELLO_SUCCESS
        }
        unsafe SSL_CTX_set_client_hello_cb(handle, hello, argument)
        let choose: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offered, offeredCount, argument in
            guard let argument = unsafe argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
            let context = unsafe Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
            let list = unsafe UnsafeBufferPointer(start: offered, count: Int(offeredCount))
            guard let range = unsafe context.choice(among: list), let start = list.baseAddress else {
                return SSL_TLSEXT_ERR_ALERT_FATAL
            }
            unsafe chosen?.pointee = start + range.lowerBound
            unsafe chosenCount?.pointee = UInt8(range.count)
            return SSL_TLSEXT_ERR_OK
        }
        unsafe SSL_CTX_set_alpn_select_cb(handle, choose, argument)
    }

    /// Sets whether this hello must be followed by a certificate; false refuses it. After a HelloRetryRequest it is
    /// asked again about the second hello, so both branches set the mode.
    private func admit(_ session: OpaquePointer) -> Bool {
        var start: UnsafePointer<UInt8>?
        var count = 0
        let type = UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation)
        guard unsafe SSL_client_hello_get0_ext(session, type, &start, &count) == 1, count >= 2 else { return false }
        // The extension is the list with its length before it.
        let list = unsafe UnsafeBufferPointer(rebasing: UnsafeBufferPointer(start: start, count: count)[2...])
        guard let range = unsafe choice(among: list) else { return false }
        let isJoin = unsafe list[range].elementsEqual(TLSProtocol.join.rawValue.utf8)
        unsafe SSL_set_verify(session, isJoin ? SSL_VERIFY_NONE : Self.mutual, nil)
        return true
    }

    /// Where in the offered list the protocol is that this server speaks: joining only if it is allowed and alone.
    private func choice(among list: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var offers: [Range<Int>] = []
        var position = 0
        while position < list.count {
            let start = position + 1
            let end = unsafe start + Int(list[position])
            guard end <= list.count else { return nil }
            offers.append(start..<end)
            position = end
        }
        func names(_ offer: Range<Int>, _ name: TLSProtocol) -> Bool {
            unsafe list[offer].elementsEqual(name.rawValue.utf8)
        }
        if let only = offers.first, offers.count == 1, names(only, .join) { return isJoinAllowed ? only : nil }
        return offers.first { names($0, .shoal) }
    }

    /// The verdict on a peer's chain: from one of our authorities, good now, fit for this use, a node's, not denied.
    private func judge(_ store: OpaquePointer) -> Bool {
        let isChainGood: Bool
        if case .joiningClient(let authorityKeyID) = configuration.mode {
            isChainGood = unsafe judgeChain(store, pinnedTo: authorityKeyID)
        } else {
            isChainGood = unsafe X509_verify_cert(store) == 1
        }
        guard isChainGood else { return false }
        guard let leaf = unsafe X509_STORE_CTX_get0_cert(store), let certificate = unsafe Certificate(copying: leaf),
            let identity = try? NodeIdentityFields(of: certificate)
        else {
            unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED)
            return false
        }
        guard !configuration.deniedNodes.contains(identity.node) else {
            unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REVOKED)
            return false
        }
        return true
    }

    /// Trusts the one authority in the peer's own chain that has the pinned key.
    private func judgeChain(_ store: OpaquePointer, pinnedTo authorityKeyID: Digest) -> Bool {
        let chain = unsafe X509_STORE_CTX_get0_untrusted(store)
        let count = unsafe chain.map { unsafe shoal_certificates_count($0) } ?? 0
        let shown = (0..<count).compactMap { index in
            unsafe shoal_certificates_value(chain, index).flatMap { unsafe Certificate(copying: $0) }
        }
        let pinned = shown.filter { $0.publicKey.keyID == authorityKeyID && $0.isAuthority && $0.isSelfSigned }
        guard !pinned.isEmpty else {
            unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN)
            return false
        }
        let isGood: Bool? = unsafe Certificate.withStack(of: pinned) { trusted in
            unsafe X509_STORE_CTX_set0_trusted_stack(store, trusted)
            return unsafe X509_verify_cert(store) == 1
        }
        return isGood == true
    }
}

extension Certificate {
    /// Nil if it is not one that Shoal could use.
    init?(copying handle: OpaquePointer) {
        guard let der = unsafe OpenSSL.encode({ unsafe i2d_X509(handle, $0) }),
            let certificate = try? Certificate(der: der)
        else { return nil }
        self = certificate
    }
}
