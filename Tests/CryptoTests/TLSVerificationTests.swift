import Testing
import Units

@testable import Crypto

/// Who is let in, and who is told what.
@Suite struct TLSVerificationTests {
    let cluster: TestCluster
    let server: TestNode

    init() throws {
        cluster = try TestCluster()
        server = try cluster.node("server")
    }

    /// The server must refuse with `server`; the client, done by then, must read `client`.
    private func expectRefusal(
        of client: TLSSession, by server: TLSSession, server expected: TLSError.Code, client told: TLSError.Code,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let pair = TLSPair(client: client, server: server)
        let outcome = try pair.handshake()
        #expect(outcome.server.error?.code == expected, sourceLocation: location)
        #expect(outcome.server.error?.judge == .local, sourceLocation: location)
        let error = client.isOpen ? client.readAll().step.error : outcome.client.error
        #expect(error?.code == told && error?.judge == .peer, sourceLocation: location)
    }

    @Test func client_withoutACertificate_isRefused() throws {
        // A newcomer's session that offers the members' protocol.
        var configuration = TLSConfiguration(joiningUnder: cluster.authority.certificate.publicKey.keyID)
        configuration.verificationTime = TestCluster.now
        configuration.testsOnly_protocols = ["shoal/1"]
        for mode in [TLSConfiguration.Mode.server, .serverAllowingJoin] {
            let client = try TLSSession(TLSContext(configuration))
            try expectRefusal(
                of: client, by: server.session(mode), server: .noCertificate, client: .noCertificate)
        }
    }

    @Test func node_thatBearsTheNameOfItsAuthority_connects() throws {
        // Subject and issuer are equal then; the key identifiers tell that it is not self-signed.
        let cluster = try TestCluster(authorityName: "harbour")
        let (one, other) = (try cluster.node("harbour"), try cluster.node("berth"))
        for (client, server) in [(one, other), (other, one)] {
            let pair = TLSPair(client: try client.session(.client), server: try server.session(.server))
            #expect(try pair.handshake() == Outcome(client: .done, server: .done))
        }
        try one.certificate.requireIssuer(among: [cluster.authority.certificate], at: TestCluster.now)
        #expect(!one.certificate.isSelfSigned)
    }

    @Test func aClustersAuthority_hasANameThatNoNodeCanBear() throws {
        for name in ["harbour", String(repeating: "h", count: 64)] {
            let authority = try CertificateAuthority.makeRoot(
                cluster: try TestCluster.name(name), key: PrivateKey.generate(),
                validity: TestCluster.validity(from: -10, until: 10))
            let common = try #require(authority.certificate.commonName)
            #expect(common == String(name.prefix(61)) + " CA")
            #expect(NodeName(common) == nil)
        }
    }

    @Test func client_ofAForeignAuthority_isRefused() throws {
        let stranger = try TestCluster().node("stranger").session(.client) {
            $0.authorities = [cluster.authority.certificate]
        }
        try expectRefusal(of: stranger, by: server.session(.server), server: .unknownCA, client: .unknownCA)
    }

    @Test func client_withAnExpiredCertificate_isRefused() throws {
        let late = try cluster.node("late", validity: TestCluster.validity(from: -7200, until: -1))
        try expectRefusal(
            of: late.session(.client), by: server.session(.server), server: .expired, client: .expired)
    }

    @Test func client_withACertificateOfTheFuture_isRefused() throws {
        // TLS has no alert of its own for this one.
        let early = try cluster.node("early", validity: TestCluster.validity(from: 1, until: 7200))
        try expectRefusal(
            of: early.session(.client), by: server.session(.server), server: .notYetValid, client: .badCertificate)
    }

    @Test func client_thatIsDenied_isRefused() throws {
        let denied = try cluster.node("denied")
        let server = try server.session(.server) { $0.deniedNodes = [denied.key.publicKey.nodeID] }
        try expectRefusal(of: denied.session(.client), by: server, server: .denied, client: .denied)
    }

    @Test func client_whoseCertificateNamesAnotherNode_isRefused() throws {
        let key = try PrivateKey.generate()
        let authorityKey = try PrivateKey.generate()
        let authority = try CertificateAuthority.makeRoot(
            name: "ca", key: authorityKey, validity: TestCluster.validity(from: -10, until: 10))
        let draft = Draft(
            name: "liar", publicKey: key.publicKey, validity: TestCluster.validity(from: -10, until: 10),
            extensions: [(85, "URI:shoal://\(cluster.id.hex)/node/\(server.key.publicKey.nodeID.hex)")])
        let liar = TestNode(
            key: key, certificate: try draft.sign(key: authorityKey, issuer: authority.certificate),
            authority: authority.certificate)
        let client = try liar.session(.client) { $0.authorities = [cluster.authority.certificate] }
        let server = try server.session(.server) { $0.authorities = [authority.certificate] }
        try expectRefusal(of: client, by: server, server: .badCertificate, client: .badCertificate)
    }

    @Test func client_thatSpeaksTLS12_isRefused() throws {
        let old = try cluster.node("old").session(.client) { $0.testsOnly_maximumVersion12 = true }
        try expectRefusal(of: old, by: server.session(.server), server: .wrongVersion, client: .wrongVersion)
    }

    @Test(arguments: [["http/1.1"], [], ["shoal/2", "h2"], ["shoal"]])
    func client_withAnotherProtocol_isRefused(protocols: [String]) throws {
        let client = try cluster.node("other").session(.client) { $0.testsOnly_protocols = protocols }
        try expectRefusal(
            of: client, by: server.session(.serverAllowingJoin), server: .wrongProtocol, client: .wrongProtocol)
    }

    @Test func server_ofAForeignAuthority_isRefused() throws {
        let client = try cluster.node("client").session(.client)
        let stranger = try TestCluster().node("stranger").session(.server)
        let outcome = try TLSPair(client: client, server: stranger).handshake()
        #expect(outcome.client.error?.code == .unknownCA && outcome.client.error?.judge == .local)
        #expect(outcome.server.error?.code == .unknownCA && outcome.server.error?.judge == .peer)
    }

    @Test func server_withAnExpiredCertificate_orDenied_isRefused() throws {
        let late = try cluster.node("late", validity: TestCluster.validity(from: -7200, until: -1))
        let first = try TLSPair(client: cluster.node("a").session(.client), server: late.session(.server)).handshake()
        #expect(first.client.error?.code == .expired && first.server.error?.code == .expired)
        let client = try cluster.node("a").session(.client) { $0.deniedNodes = [server.key.publicKey.nodeID] }
        let second = try TLSPair(client: client, server: server.session(.server)).handshake()
        #expect(second.client.error?.code == .denied && second.server.error?.code == .denied)
    }

    @Test func server_thatSpeaksTLS12_isRefused() throws {
        let old = try server.session(.server) { $0.testsOnly_maximumVersion12 = true }
        let outcome = try TLSPair(client: cluster.node("a").session(.client), server: old).handshake()
        #expect(outcome.server.error?.code == .wrongVersion)
        #expect(outcome.client.error?.code == .wrongVersion)
    }

    @Test func verificationTime_leftOut_isTheSystemsClock() throws {
        let validity = CertificateValidity(
            notBefore: WallTime(secondsSince1970: 0), notAfter: WallTime(secondsSince1970: 86_400))
        let old = try cluster.node("old", validity: validity)
        let server = try server.session(.server) { $0.verificationTime = nil }
        let client = try old.session(.client)
        #expect(try TLSPair(client: client, server: server).handshake().server.error?.code == .expired)
    }

    @Test func newAuthority_besideTheOld_letsBothIn() throws {
        let other = try TestCluster()
        let both = [cluster.authority.certificate, other.authority.certificate]
        let server = try server.session(.server) { $0.authorities = both }
        let client = try other.node("client").session(.client) { $0.authorities = both }
        let outcome = try TLSPair(client: client, server: server).handshake()
        #expect(outcome == Outcome(client: .done, server: .done))
        #expect(server.peerIdentity?.name.text == "client")
    }

    @Test func context_whoseKeyIsNotTheCertificates_isRefused() throws {
        let other = try cluster.node("other")
        let configuration = TLSConfiguration(
            mode: .server, chain: [server.certificate], key: other.key, authorities: [server.authority])
        #expect(throws: TLSError.self) { try TLSContext(configuration) }
    }
}

/// The one protocol for which no certificate is asked.
@Suite struct TLSJoinTests {
    let cluster: TestCluster
    let server: TestNode

    init() throws {
        cluster = try TestCluster()
        server = try cluster.node("issuer")
    }

    private func newcomer(
        pin: Digest? = nil, _ change: (inout TLSConfiguration) -> Void = { _ in }
    ) throws -> TLSSession {
        var configuration = TLSConfiguration(
            joiningUnder: pin ?? cluster.authority.certificate.publicKey.keyID)
        configuration.verificationTime = TestCluster.now
        change(&configuration)
        return try TLSSession(TLSContext(configuration))
    }

    @Test func newcomer_joins_whereItIsAllowed() throws {
        let pair = try TLSPair(client: newcomer(), server: server.session(.serverAllowingJoin))
        #expect(try pair.handshake() == Outcome(client: .done, server: .done))
        #expect(pair.client.negotiatedProtocol == .join && pair.server.negotiatedProtocol == .join)
        #expect(pair.server.peerIdentity == nil && pair.server.peerCertificate == nil)
        #expect(pair.client.peerIdentity?.node == server.key.publicKey.nodeID)
        #expect(pair.client.peerIdentity?.cluster == cluster.id)
        try pair.client.write([1, 2])
        #expect(pair.server.readAll(from: pair.client.takeOutput()).bytes == [1, 2])
        let label = "EXPORTER-shoal-join"
        #expect(
            try pair.client.exporter(label: label, byteCount: 32) == pair.server.exporter(label: label, byteCount: 32))
    }

    @Test func newcomer_isRefused_whereJoiningIsNotAllowed() throws {
        let outcome = try TLSPair(client: newcomer(), server: server.session(.server)).handshake()
        #expect(outcome.server.error?.code == .wrongProtocol)
        #expect(outcome.client.error?.code == .wrongProtocol && outcome.client.error?.judge == .peer)
    }

    @Test(arguments: [["shoal-join/1", "shoal/1"], ["shoal/1", "shoal-join/1"]])
    func hello_thatOffersBoth_isAskedForACertificate(protocols: [String]) throws {
        let client = try newcomer { $0.testsOnly_protocols = protocols }
        let outcome = try TLSPair(client: client, server: server.session(.serverAllowingJoin)).handshake()
        #expect(outcome.server.error?.code == .noCertificate)
    }

    @Test(arguments: [["shoal-join/1", "shoal-join/1"], ["shoal-join/1", "h2"]])
    func hello_thatOffersJoiningNotAlone_isRefused(protocols: [String]) throws {
        let client = try newcomer { $0.testsOnly_protocols = protocols }
        let outcome = try TLSPair(client: client, server: server.session(.serverAllowingJoin)).handshake()
        #expect(outcome.server.error?.code == .wrongProtocol)
    }

    @Test func newcomer_refusesAnAuthorityThatIsNotPinned() throws {
        let pair = try TLSPair(client: newcomer(pin: SHA256.hash([])), server: server.session(.serverAllowingJoin))
        let outcome = try pair.handshake()
        #expect(outcome.client.error?.code == .unknownCA && outcome.client.error?.judge == .local)
        #expect(outcome.server.error?.code == .unknownCA && outcome.server.error?.judge == .peer)
    }

    @Test func newcomer_refusesAPinnedAuthorityThatDidNotIssueTheLeaf() throws {
        // The right authority is shown, but the leaf comes from another.
        let impostor = try TestCluster().node("impostor")
        let session = try impostor.session(.serverAllowingJoin) {
            $0.chain = [impostor.certificate, cluster.authority.certificate]
        }
        let outcome = try TLSPair(client: newcomer(), server: session).handshake()
        #expect(outcome.client.error?.code == .unknownCA)
    }

    @Test func newcomer_refusesAnIssuerWhoseCertificateExpired() throws {
        let late = try cluster.node("late", validity: TestCluster.validity(from: -7200, until: -1))
        let outcome = try TLSPair(client: newcomer(), server: late.session(.serverAllowingJoin)).handshake()
        #expect(outcome.client.error?.code == .expired)
    }

    @Test func member_atAServerThatAllowsJoining_stillShowsItsCertificate() throws {
        let pair = try TLSPair.open(cluster: cluster, server: .serverAllowingJoin)
        #expect(pair.server.negotiatedProtocol == .shoal)
        #expect(pair.server.peerIdentity?.name.text == "client")
    }
}
