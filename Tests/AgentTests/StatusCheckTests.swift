import Crypto
import Fleet
import Testing
import Units
import Wire

@testable import Agent

/// What a node takes for another's word, and that what it remembers of a signer lets nothing through.
@Suite struct StatusCheckTests {
    private static let now = WallTime(secondsSince1970: 1_800_000_000)
    private let cluster = ClusterID(exactly: Array(1...16))
    private let authority: CertificateAuthority
    private let key: PrivateKey
    private let certificate: Certificate
    private let signers = KnownSigners()

    init() throws {
        authority = try Self.makeAuthority()
        key = try PrivateKey.generate()
        certificate = try authority.issue(
            for: key.publicKey, name: try #require(NodeName("quay")), cluster: cluster, validity: Self.validity)
    }

    private static let validity = CertificateValidity(
        notBefore: now + .seconds(-3_600), notAfter: now + .seconds(3_600))

    private static func makeAuthority() throws -> CertificateAuthority {
        let life = CertificateValidity(notBefore: now + .seconds(-86_400), notAfter: now + .seconds(86_400))
        return try CertificateAuthority.makeRoot(name: "harbour CA", key: try PrivateKey.generate(), validity: life)
    }

    private func signed(name: String = "quay", by key: PrivateKey? = nil) throws -> [UInt8] {
        let record = StatusRecord(
            cluster: cluster, node: self.key.publicKey.nodeID, stamp: StatusStamp(boot: 1, sequence: 1),
            issued: Self.now, name: try #require(NodeName(name)))
        let body = record.encode()
        let signature = try (key ?? self.key).sign(StatusCheck.digest(of: body))
        return SignedStatus(body: body, signature: signature).encode()
    }

    private enum Verdict { case genuine, needsCertificate, refused, blamed }

    private func verdict(
        of record: [UInt8], _ der: [UInt8]? = nil, authorities: [Certificate]? = nil, at now: WallTime = Self.now
    ) -> Verdict {
        let check = StatusCheck(
            cluster: cluster, authorities: authorities ?? [authority.certificate], signers: signers, now: now)
        switch check.verdict(of: record, certificate: der ?? certificate.der) {
        case .genuine: return .genuine
        case .needsCertificate: return .needsCertificate
        case .refused(let blames): return blames ? .blamed : .refused
        }
    }

    private func known(_ der: [UInt8]) -> KnownSigner? {
        signers.signer(key.publicKey.nodeID, der, among: [authority.certificate], at: Self.now)
    }

    @Test func aNodesOwnRecordIsGenuine_alsoTheNextOne_whichIsCheckedWithWhatIsKept() throws {
        #expect(known(certificate.der) == nil)
        #expect(verdict(of: try signed()) == .genuine)
        let kept = try #require(known(certificate.der))
        #expect(verdict(of: try signed()) == .genuine)
        #expect(known(certificate.der)?.key === kept.key)
    }

    @Test func aNewCertificateTakesThePlaceOfTheOneBefore() throws {
        #expect(verdict(of: try signed()) == .genuine)
        let renewed = try authority.issue(
            for: key.publicKey, name: try #require(NodeName("quay")), cluster: cluster, validity: Self.validity)
        #expect(verdict(of: try signed(), renewed.der) == .genuine)
        #expect(known(renewed.der) != nil && known(certificate.der) == nil)
    }

    @Test func anothersSignatureIsRefused_beforeAndAfterTheNodeIsKnown() throws {
        let forged = try signed(by: PrivateKey.generate())
        #expect(verdict(of: forged) == .blamed)
        #expect(verdict(of: try signed()) == .genuine)
        #expect(verdict(of: forged) == .blamed)
    }

    @Test func aKnownSignerIsForgottenWithItsAuthority() throws {
        #expect(verdict(of: try signed()) == .genuine)
        let others = [try Self.makeAuthority().certificate]
        #expect(verdict(of: try signed(), authorities: others) == .needsCertificate)
        #expect(verdict(of: try signed(), authorities: []) == .needsCertificate)
    }

    @Test func aKnownSignersCertificateEnds() throws {
        #expect(verdict(of: try signed()) == .genuine)
        #expect(verdict(of: try signed(), at: Self.now + .seconds(3_601)) == .needsCertificate)
        #expect(verdict(of: try signed(), at: Self.now + .seconds(-3_601)) == .needsCertificate)
    }

    @Test func aKnownSignerIsKnownUnderItsNameAndCertificateOnly() throws {
        #expect(verdict(of: try signed()) == .genuine)
        #expect(verdict(of: try signed(name: "berth")) == .needsCertificate)
        let other = try authority.issue(
            for: PrivateKey.generate().publicKey, name: try #require(NodeName("quay")), cluster: cluster,
            validity: Self.validity)
        #expect(verdict(of: try signed(), other.der) == .needsCertificate)
        let elsewhere = try authority.issue(
            for: key.publicKey, name: try #require(NodeName("quay")),
            cluster: ClusterID(exactly: Array(repeating: 9, count: 16)), validity: Self.validity)
        #expect(verdict(of: try signed(), elsewhere.der) == .needsCertificate)
    }
}
