internal import Crypto
internal import Fleet
internal import Trust
internal import Units

/// Whether a status record is its node's: signature and certificate, as in a handshake. For a thread of the pool.
struct StatusCheck: Sendable {
    let cluster: ClusterID
    let authorities: [Certificate]
    let signers: KnownSigners
    let now: WallTime

    func verdict(of signed: [UInt8], certificate der: [UInt8]) -> StatusVerdict {
        guard let status = try? SignedStatus(signed), let record = try? StatusRecord(body: status.body) else {
            return .refused(blames: true)
        }
        // Of another cluster, or under a certificate that is no good: nobody's fault.
        guard record.cluster == cluster else { return .refused(blames: false) }
        guard let signer = signer(of: record, der) else { return .needsCertificate }
        guard signer.key.verify(status.signature, over: Self.digest(of: status.body)) else {
            return .refused(blames: true)
        }
        let age = now.secondsSince1970 - record.issued.secondsSince1970
        let tolerance = Limits.statusClockToleranceSeconds
        return .genuine(
            HeldStatus(record: record, signed: signed, certificate: der), age: .seconds(max(0, age - tolerance)),
            ageMax: .seconds(max(0, age) + tolerance))
    }

    /// The record's node, if the certificate is its, and good.
    private func signer(of record: StatusRecord, _ der: [UInt8]) -> KnownSigner? {
        let signer = signers.signer(record.node, der, among: authorities, at: now) ?? checkedSigner(der)
        guard let signer, signer.fields.node == record.node, signer.fields.name == record.name else { return nil }
        return signer
    }

    private func checkedSigner(_ der: [UInt8]) -> KnownSigner? {
        guard let certificate = try? Certificate(der: der), let fields = try? NodeIdentityFields(of: certificate),
            fields.cluster == cluster, (try? certificate.requireIssuer(among: authorities, at: now)) != nil,
            let key = SignatureVerifier(certificate.publicKey)
        else { return nil }
        let signer = KnownSigner(certificate: certificate, fields: fields, key: key)
        signers.keep(signer, among: authorities)
        return signer
    }

    /// What a node signs.
    static func digest(of body: [UInt8]) -> Digest {
        SHA256.hash(Array(StatusRecord.domain.utf8) + [0] + body)
    }
}
