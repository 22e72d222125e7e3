internal import COpenSSL
internal import Units

extension TLSSession {
    /// Goes as far as the bytes that were fed allow.
    ///
    /// A client is done before the server has judged its certificate; a refusal comes out of `read`.
    public func handshake() -> TLSStep {
        switch state {
        case .open: return .done
        case .failed(let error): return .failed(error)
        case .handshaking: break
        }
        OpenSSL.clearErrors()
        let result = unsafe SSL_do_handshake(handle)
        guard result != 1 else { return admitPeer() }
        switch unsafe SSL_get_error(handle, result) {
        case SSL_ERROR_WANT_READ: return .needsPeerBytes
        case SSL_ERROR_ZERO_RETURN: return refuse(.closed, "the peer closed during the handshake")
        default: return .failed(fail("the handshake broke"))
        }
    }

    /// Bytes that both ends can derive and nobody else (RFC 8446, 7.5), with no context.
    /// - Throws: `.failed` if OpenSSL fails.
    /// - Precondition: the handshake is done.
    public func exporter(label: String, byteCount: Int) throws(TLSError) -> [UInt8] {
        precondition(isOpen, "export before the handshake is done")
        precondition((1...Limits.tlsExportByteCountMax).contains(byteCount), "an export of \(byteCount) bytes")
        OpenSSL.clearErrors()
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let name = Array(label.utf8.map(CChar.init(bitPattern:)))
        let result = unsafe SSL_export_keying_material(handle, &bytes, byteCount, name, name.count, nil, 0, 0)
        guard result == 1 else { throw .drained(verdict: 0, otherwise: "OpenSSL exported nothing") }
        return bytes
    }

    /// Checks, now that OpenSSL is content, that what was agreed is what the rules demand.
    private func admitPeer() -> TLSStep {
        if let certificate = unsafe SSL_get1_peer_certificate(handle) {
            defer { unsafe X509_free(certificate) }
            peerCertificate = unsafe Certificate(copying: certificate)
            peerIdentity = peerCertificate.flatMap { try? NodeIdentityFields(of: $0) }
        }
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(handle, &start, &count)
        let name = unsafe String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
        guard let agreed = TLSProtocol(rawValue: name), isExpected(agreed) else {
            return refuse(.wrongProtocol, "the peer chose the application protocol '\(name)'")
        }
        // A newcomer's server sees no certificate. Everybody else sees one, and knows whose it is.
        let isSpared = context.isServer && context.isJoinAllowed && agreed == .join
        guard isSpared ? peerCertificate == nil : peerIdentity != nil else {
            return refuse(.noCertificate, "the peer has no identity")
        }
        guard unsafe SSL_version(handle) == TLS1_3_VERSION else { return refuse(.wrongVersion, "not TLS 1.3") }
        negotiatedProtocol = agreed
        state = .open
        return .done
    }

    private func isExpected(_ agreed: TLSProtocol) -> Bool {
        context.isServer
            ? agreed == .shoal || context.isJoinAllowed : context.offeredProtocols.contains(agreed.rawValue)
    }

    private func refuse(_ code: TLSError.Code, _ detail: String) -> TLSStep {
        let error = TLSError(code, detail)
        state = .failed(error)
        buffers.dropInput()
        return .failed(error)
    }
}
