import Testing
import Units

@testable import Crypto

@Suite struct CertificateTests {
    let cluster: TestCluster

    init() throws { cluster = try TestCluster() }

    @Test func root_saysWhatItIs_andIsReadBackUnchanged() throws {
        let root = cluster.authority.certificate
        #expect(root.commonName == "test authority")
        #expect(root.isSelfSigned && root.isAuthority)
        #expect(root.validity == TestCluster.validity(from: -TestCluster.now.secondsSince1970, until: 86_400 * 365))
        #expect(root.alternativeURIs.isEmpty)
        #expect(try Certificate(der: root.der) == root)
    }

    @Test(arguments: ["", String(repeating: "x", count: 65)])
    func root_withANameThatDoesNotFit_isRefused(name: String) throws {
        let key = try PrivateKey.generate()
        #expect(throws: CryptoError.self) {
            try CertificateAuthority.makeRoot(name: name, key: key, validity: TestCluster.validity(from: 0, until: 1))
        }
    }

    @Test func node_certificate_namesTheNode_andIsIssuedByTheRoot() throws {
        let node = try cluster.node("rack1-n07")
        let certificate = node.certificate
        #expect(certificate.commonName == "rack1-n07")
        #expect(certificate.publicKey == node.key.publicKey)
        #expect(!certificate.isSelfSigned && !certificate.isAuthority)
        let uri = "shoal://\(cluster.id.hex)/node/\(node.key.publicKey.nodeID.hex)"
        #expect(certificate.alternativeURIs == [uri])
        try certificate.requireIssuer(among: [cluster.authority.certificate], at: TestCluster.now)
        let identity = try NodeIdentityFields(of: certificate)
        #expect(identity.cluster == cluster.id)
        #expect(identity.node == node.key.publicKey.nodeID)
        #expect(identity.name.text == "rack1-n07")
    }

    @Test func issuer_isRefused_whenForeignOrOutsideTheValidity() throws {
        let certificate = try cluster.node("a").certificate
        let root = cluster.authority.certificate
        let foreign = try TestCluster().authority.certificate
        #expect(code { try certificate.requireIssuer(among: [foreign], at: TestCluster.now) } == .unknownAuthority)
        #expect(code { try certificate.requireIssuer(among: [], at: TestCluster.now) } == .unknownAuthority)
        let late = TestCluster.now + .seconds(3601)
        let early = TestCluster.now + .seconds(-3601)
        #expect(code { try certificate.requireIssuer(among: [root], at: late) } == .outsideValidity)
        #expect(code { try certificate.requireIssuer(among: [root], at: early) } == .outsideValidity)
        #expect(code { try certificate.requireIssuer(among: [foreign, root], at: TestCluster.now) } == nil)
    }

    @Test func certificate_withAnyByteChanged_isNoLongerIssuedByTheRoot() throws {
        let node = try cluster.node("a")
        for position in node.certificate.der.indices {
            var der = node.certificate.der
            der[position] ^= 1
            guard let broken = try? Certificate(der: der) else { continue }
            let refusal = code { try broken.requireIssuer(among: [cluster.authority.certificate], at: TestCluster.now) }
            #expect(refusal != nil, "byte \(position)")
        }
    }

    @Test func certificate_cutOrFollowedByBytes_isRefused() throws {
        let der = try cluster.node("a").certificate.der
        #expect(code { _ = try Certificate(der: Array(der.dropLast())) } == .badCertificate)
        #expect(code { _ = try Certificate(der: der + [0]) } == .badCertificate)
        #expect(code { _ = try Certificate(der: []) } == .badCertificate)
        #expect(code { _ = try Certificate(der: [UInt8](repeating: 0x30, count: 5000)) } == .badCertificate)
    }

    @Test func serials_are16Bytes_andDiffer() throws {
        // The serial follows the outer headers and the version, at a fixed place: 02 10.
        let serials = try (0..<16).map { _ in
            let der = try cluster.node("a").certificate.der
            #expect(Array(der[13...14]) == [0x02, 0x10])
            return Array(der[15..<31])
        }
        #expect(Set(serials).count == 16)
        #expect(serials.allSatisfy { $0[0] < 0x80 && $0[0] >= 0x40 })
    }

    @Test func authority_isRefused_withAnotherKeyOrANodesCertificate() throws {
        let node = try cluster.node("a")
        #expect(
            code { _ = try CertificateAuthority(certificate: cluster.authority.certificate, key: node.key) } == .badKey)
        #expect(
            code { _ = try CertificateAuthority(certificate: node.certificate, key: node.key) } == .badCertificate)
    }

    @Test func validity_beyond2049_isKept() throws {
        let validity = CertificateValidity(
            notBefore: WallTime(secondsSince1970: 0), notAfter: WallTime(secondsSince1970: 4_000_000_000))
        let root = try CertificateAuthority.makeRoot(name: "long", key: PrivateKey.generate(), validity: validity)
        #expect(root.certificate.validity == validity)
    }

    private func code(_ body: () throws -> Void) -> CryptoError.Code? {
        do {
            try body()
            return nil
        } catch { return (error as? CryptoError)?.code ?? .failed }
    }
}

/// What a certificate's alternative names must be for a node.
@Suite struct NodeIdentityFieldsTests {
    let cluster: TestCluster
    let key: PrivateKey

    init() throws {
        cluster = try TestCluster()
        key = try PrivateKey.generate()
    }

    /// A certificate by the cluster's own authority that says what it should not.
    private func certificate(names: String?, commonName: String = "a") throws -> Certificate {
        let extensions = names.map { [(nid: Int32(85), value: $0)] } ?? []
        let draft = Draft(
            name: commonName, publicKey: key.publicKey, validity: TestCluster.validity(from: 0, until: 1),
            extensions: extensions)
        return try draft.sign(key: key, issuer: cluster.authority.certificate)
    }

    private var good: String { "URI:shoal://\(cluster.id.hex)/node/\(key.publicKey.nodeID.hex)" }

    @Test func oneExactURI_isRead() throws {
        #expect(try NodeIdentityFields(of: certificate(names: good)).node == key.publicKey.nodeID)
    }

    @Test func anythingElse_isRefused() throws {
        let other = try PrivateKey.generate().publicKey.nodeID.hex
        let names: [String?] = [
            nil, "\(good),\(good)", "\(good),DNS:a.example", "DNS:a.example", good + "/", good + "0",
            good.uppercased().replacing("URI:SHOAL", with: "URI:shoal"),
            "URI:shoal://\(cluster.id.hex)/node/\(other)", "URI:shoal://\(cluster.id.hex.dropLast())/node/\(other)",
            "URI:http://\(cluster.id.hex)/node/\(key.publicKey.nodeID.hex)", "URI:shoal://", "URI:x",
        ]
        for name in names {
            let certificate = try certificate(names: name)
            #expect(throws: CryptoError.self, "\(name ?? "none")") { try NodeIdentityFields(of: certificate) }
        }
    }

    @Test func commonName_thatIsNoNodesName_isRefused() throws {
        let certificate = try certificate(names: good, commonName: "not a name")
        #expect(throws: CryptoError.self) { try NodeIdentityFields(of: certificate) }
    }
}

@Suite struct CertificateRequestTests {
    @Test func request_isReadBack_withItsNameAndKey() throws {
        let key = try PrivateKey.generate()
        let request = try CertificateRequest(key: key, name: TestCluster.name("newcomer"))
        let again = try CertificateRequest(der: request.der)
        #expect(again == request)
        #expect(again.name.text == "newcomer")
        #expect(again.publicKey == key.publicKey)
    }

    @Test func request_withAnyByteChanged_isRefused() throws {
        let der = try CertificateRequest(key: PrivateKey.generate(), name: TestCluster.name("newcomer")).der
        for position in der.indices {
            var broken = der
            broken[position] ^= 1
            #expect(throws: CryptoError.self, "byte \(position)") { try CertificateRequest(der: broken) }
        }
        #expect(throws: CryptoError.self) { try CertificateRequest(der: der + [0]) }
        #expect(throws: CryptoError.self) { try CertificateRequest(der: []) }
    }
}
