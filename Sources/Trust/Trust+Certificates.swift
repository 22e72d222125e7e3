internal import Crypto
internal import EventLoop
public import Units

extension Trust {
    /// Takes a new certificate of this node, after all checks, and makes it durable.
    /// - Throws: `.invalid` if it is not for this key, name and cluster, not by the cluster's CA, or ends no later
    ///   than the one that is there; `.io` if it cannot be kept. The old one stays then.
    public func adopt(renewed der: [UInt8], now: WallTime) async throws(TrustError) {
        await gate.enter()
        defer { gate.leave() }
        let certificate: Certificate
        do throws(CryptoError) {
            certificate = try Certificate(der: der)
            try certificate.requireIssuer(among: authorities, at: now)
        } catch {
            throw TrustError(.invalid, "the renewed certificate cannot be trusted: \(error)")
        }
        let renewed = try NodeIdentity(certificate: certificate, key: identity.key)
        guard renewed.cluster == identity.cluster, renewed.name == identity.name,
            renewed.certificate.validity.notAfter > identity.certificate.validity.notAfter
        else {
            throw TrustError(
                .invalid, "the renewed certificate is for another name or cluster, or no longer than this one")
        }
        let files = files
        try await onPool { () throws(TrustError) in try files.write(der, at: StateFolder.nodeCertificate, mode: 0o640) }
        identity = renewed
    }
}
