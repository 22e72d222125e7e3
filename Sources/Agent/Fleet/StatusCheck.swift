internal import Crypto
internal import Fleet
internal import Trust
internal import Units

/// Whether a status record is its node's: signature and certificate, as in a handshake. For a thread of the pool.
struct StatusCheck: Sendable {
    let cluster: ClusterID
    let authorities: [Certificate]
    let now: WallTime

    func verdict(of signed: [UInt8], certificate der: [UInt8]) -> StatusVerdict {
        guard let status = try? SignedStatus(signed), let record = try? StatusRecord(body: status.body) else {
            return .refused(blames: true)
        }
        // Of another cluster, or under a certificate that is no good: nobody's fault.
        guard record.cluster == cluster else { return .refused(blames: false) }
        guard let certificate = try? Certificate(der: der), let fields = try? NodeIdentityFields(of: certificate),
            fields.node == record.node, fields.cluster == cluster, fields.name == record.name,
            (try? certificate.requireIssuer(among: authorities, at: now)) != nil
        else { return .needsCertificate }
        guard certificate.publicKey.verify(status.signature, over: Self.digest(of: status.body)) else {
            return .refused(blames: true)
        }
        let age = now.secondsSince1970 - record.issued.secondsSince1970
        let tolerance = Limits.statusClockToleranceSeconds
        return .genuine(
            HeldStatus(record: record, signed: signed, certificate: der), age: .seconds(max(0, age - tolerance)),
            ageMax: .seconds(max(0, age) + tolerance))
    }

    /// What a node signs.
    static func digest(of body: [UInt8]) -> Digest {
        SHA256.hash(Array(StatusRecord.domain.utf8) + [0] + body)
    }
}
