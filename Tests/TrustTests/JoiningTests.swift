import Crypto
import EventLoop
import Files
import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Trust

/// An issuer and newcomers, without sockets: the exporter is any 32 bytes.
@Suite @LoopActor struct JoiningTests {
    private let cluster: TestCluster
    private let trust: Trust
    private let issuer: CertificateIssuer

    init() throws {
        cluster = try TestCluster()
        trust = try Trust.open(statePath: cluster.statePath)
        issuer = try required(trust.issuer)
    }

    private func token(_ lifetimeSeconds: Int = 3600) async throws -> JoinToken {
        try JoinToken(try await tokenText(issuer, lifetimeSeconds))
    }

    private func tokenText(_ issuer: CertificateIssuer, _ lifetimeSeconds: Int = 3600) async throws -> String {
        try await issuer.makeToken(rootDigest: trust.root.digest, lifetimeSeconds: lifetimeSeconds, now: epoch).text
    }

    private func newcomer(_ token: JoinToken, _ name: String, _ state: String? = nil) throws -> Newcomer {
        try Newcomer(
            token, name: try required(NodeName(name)), statePath: cluster.folder.file(state ?? "state-\(name)"))
    }

    private func ask(
        _ newcomer: Newcomer, at now: WallTime = epoch, issuer: CertificateIssuer? = nil, denied: Set<NodeID> = []
    ) async throws -> [JoinMessage] {
        await (issuer ?? self.issuer).answer(
            try newcomer.request(exporter: exporter), exporter: exporter, root: trust.rootEnvelope, now: now,
            isDenied: { denied.contains($0) })
    }

    private func accept(
        _ answer: [JoinMessage], by newcomer: Newcomer, at now: WallTime = epoch
    ) throws -> NodeIdentity {
        guard case .grant(let certificate, let rootByteCount, let partCount)? = answer.first else {
            Issue.record("\(answer)")
            throw MissingFixture()
        }
        let root = answer.dropFirst().flatMap { message -> [UInt8] in
            if case .root(let part) = message { part } else { [] }
        }
        #expect(root.count == rootByteCount && answer.count == partCount + 1)
        return try newcomer.accept(certificate: certificate, root: root, at: now)
    }

    private func refusal(_ answer: [JoinMessage]) -> JoinRefusal? {
        if case .refusal(let refusal, _)? = answer.first { refusal } else { nil }
    }

    private func nodeID(_ state: String) throws -> NodeID {
        try PrivateKey(
            pem: try required(try StateFolder(path: cluster.folder.file(state)).readText(at: StateFolder.nodeKey))
        ).publicKey.nodeID
    }

    // MARK: The way in

    @Test func newcomerWithTokenBecomesNode() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        let identity = try accept(try await ask(newcomer), by: newcomer)
        #expect(identity.name.text == "quay" && identity.cluster == cluster.created.cluster)
        let state = cluster.folder.file("state-quay")
        let joined = try Trust.open(statePath: state)
        #expect(joined.identity.node == identity.node && joined.root == trust.root && joined.issuer == nil)
        #expect(try mode(of: "\(state)/keys") == 0o700 && mode(of: "\(state)/keys/node.pem") == 0o400)
        let validity = identity.certificate.validity
        #expect(validity.notBefore == epoch + .seconds(-3600) && validity.notAfter == epoch + .seconds(90 * 86_400))
        #expect(identity.renewAfter == epoch + .seconds(60 * 86_400))
    }

    @Test func secondJoinOfOneFolderIsRefused() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        _ = try accept(try await ask(newcomer), by: newcomer)
        let (token, state) = (try await token(), cluster.folder.file("state-quay"))
        let name = try required(NodeName("quay"))
        let error = fault { () throws(TrustError) in try Newcomer(token, name: name, statePath: state) }
        #expect(error?.code == .exists)
    }

    @Test func rootOfEarlierClusterDoesNotStay() async throws {
        let state = try StateFolder(creating: cluster.folder.file("state-quay"))
        try DocumentArchive(state).save(root: [1, 2, 3], version: 7)
        let newcomer = try newcomer(try await token(), "quay")
        _ = try accept(try await ask(newcomer), by: newcomer)
        #expect(try Trust.open(statePath: cluster.folder.file("state-quay")).roots.count == 1)
    }

    // MARK: Tokens

    @Test func unknownTokenAndWrongSecretAreToldApartByNobodyAndSpendNothing() async throws {
        let good = try await token()
        func altered(id: TokenID, secret: [UInt8]) -> JoinToken {
            JoinToken(
                id: id, secret: secret, caPin: good.caPin, rootPin: good.rootPin, issuer: good.issuer,
                cluster: good.cluster)
        }
        let wrongSecret = altered(id: good.id, secret: Array(1...16))
        let unknownID = altered(id: TokenID(exactly: Array(1...8)), secret: good.secret)
        let first = try await ask(try newcomer(wrongSecret, "quay"))
        let second = try await ask(try newcomer(unknownID, "quay"))
        #expect(first == second && refusal(first) == .unknown)
        let newcomer = try newcomer(good, "quay")
        _ = try accept(try await ask(newcomer), by: newcomer)
    }

    @Test func requestFromAnotherConnectionIsUnknown() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        let request = try newcomer.request(exporter: [UInt8](repeating: 8, count: 32))
        let answer = await issuer.answer(
            request, exporter: exporter, root: trust.rootEnvelope, now: epoch, isDenied: { _ in false })
        #expect(refusal(answer) == .unknown)
    }

    @Test func alteredNameIsUnknown() async throws {
        let request = try newcomer(try await token(), "quay").request(exporter: exporter)
        let altered = JoinRequest(
            tokenID: request.tokenID, name: "berth2", signingRequest: request.signingRequest,
            authenticator: request.authenticator)
        let answer = await issuer.answer(
            altered, exporter: exporter, root: trust.rootEnvelope, now: epoch, isDenied: { _ in false })
        #expect(refusal(answer) == .unknown)
    }

    @Test func tokenEndsWithItsLifetime() async throws {
        let newcomer = try newcomer(try await token(60), "quay")
        #expect(refusal(try await ask(newcomer, at: epoch + .seconds(61))) == .expired)
        _ = try accept(try await ask(newcomer, at: epoch + .seconds(60)), by: newcomer)
    }

    @Test func expiredTokenIsUnknownADayLater() async throws {
        let newcomer = try newcomer(try await token(60), "quay")
        let late = epoch + .seconds(60 + 86_401)
        _ = try await issuer.makeToken(rootDigest: trust.root.digest, lifetimeSeconds: 60, now: late)
        #expect(refusal(try await ask(newcomer, at: late)) == .unknown)
    }

    @Test(arguments: [0, -1, 86_401]) func lifetimesBeyondADayAreRefused(seconds: Int) async throws {
        let (issuer, digest) = (issuer, trust.root.digest)
        let error = await asyncFault { () async throws(TrustError) in
            try await issuer.makeToken(rootDigest: digest, lifetimeSeconds: seconds, now: epoch)
        }
        #expect(error?.code == .notAllowed)
    }

    @Test func usedTokenLetsNoOtherKeyInAndTheSameKeyAgainUntilItExpires() async throws {
        let token = try await token()
        let first = try newcomer(token, "quay")
        let second = try newcomer(token, "pier")
        #expect(refusal(try await ask(first)) == nil)
        #expect(refusal(try await ask(second)) == .used)
        let again = try newcomer(token, "quay")
        #expect(refusal(try await ask(again, at: epoch + .seconds(3601))) == .expired)
        let identity = try accept(
            try await ask(again, at: epoch + .seconds(3600)), by: again, at: epoch + .seconds(3600))
        #expect(identity.node == (try nodeID("state-quay")))
    }

    @Test func twoNewcomersAtOnceAreOneNode() async throws {
        let token = try await token()
        let requests = try ["quay", "pier"].map { try newcomer(token, $0).request(exporter: exporter) }
        let (issuer, root) = (issuer, trust.rootEnvelope)
        async let first = issuer.answer(
            requests[0], exporter: exporter, root: root, now: epoch, isDenied: { _ in false })
        async let second = issuer.answer(
            requests[1], exporter: exporter, root: root, now: epoch, isDenied: { _ in false })
        let answers = await [refusal(first), refusal(second)]
        #expect(answers.contains(nil) && answers.contains(.used))
    }

    @Test func twoNewcomersAtOnceDoNotShareAName() async throws {
        let requests = [
            try newcomer(try await token(), "quay", "a").request(exporter: exporter),
            try newcomer(try await token(), "quay", "b").request(exporter: exporter),
        ]
        let (issuer, root) = (issuer, trust.rootEnvelope)
        async let first = issuer.answer(
            requests[0], exporter: exporter, root: root, now: epoch, isDenied: { _ in false })
        async let second = issuer.answer(
            requests[1], exporter: exporter, root: root, now: epoch, isDenied: { _ in false })
        let answers = await [refusal(first), refusal(second)]
        #expect(answers.contains(nil) && answers.contains(.nameTaken))
    }

    @Test func tokensAreLimitedAndExpiredOnesMakeRoom() async throws {
        let soon = epoch.secondsSince1970 + 60
        func record(_ node: String? = nil, expires: Int64 = soon) -> IssuerLedger.Token {
            .init(id: "1", secret: "", expires: expires, spentFor: node)
        }
        func canAdd(_ records: [IssuerLedger.Token], at now: WallTime = epoch) -> Bool {
            var ledger = IssuerLedger(tokens: records)
            return ledger.add(record(expires: soon + 60), at: now)
        }
        let open = [IssuerLedger.Token](repeating: record(), count: Limits.tokenCountMax)
        let spent = [IssuerLedger.Token](repeating: record("x"), count: Limits.tokenRecordCountMax)
        #expect(canAdd(open.dropLast() + [record("x")]))
        #expect(!canAdd(open))
        #expect(canAdd(open, at: epoch + .seconds(61)))
        #expect(canAdd(spent.dropLast()))
        #expect(!canAdd(spent))
        #expect(canAdd(spent, at: epoch + .seconds(61)))
    }

    @Test func tokenBeyondTheLimitIsRefusedAsTryLater() async throws {
        let expires = epoch.secondsSince1970 + 60
        let tokens = (0..<Limits.tokenCountMax).map {
            "{\"id\": \"\($0)\", \"secret\": \"\", \"expires\": \(expires)}"
        }
        let full = "{\"grants\": [], \"tokens\": [\(tokens.joined(separator: ","))]}"
        try trust.files.write(Array(full.utf8), at: StateFolder.ledger, mode: 0o600)
        let issuer = try required(try Trust.open(statePath: cluster.statePath).issuer)
        let digest = trust.root.digest
        let error = await asyncFault { () async throws(TrustError) in
            try await issuer.makeToken(rootDigest: digest, lifetimeSeconds: 60, now: epoch)
        }
        #expect(error?.code == .unavailable)
    }

    // MARK: Who is let in

    @Test func deniedKeyGetsNoCertificate() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        let node = try nodeID("state-quay")
        #expect(refusal(try await ask(newcomer, denied: [node])) == .denied)
        #expect(refusal(try await ask(newcomer)) == nil)
    }

    @Test func takenNameIsFreeOnceItsBearerIsDeniedOrExpired() async throws {
        let first = try newcomer(try await token(), "quay", "first")
        _ = try accept(try await ask(first), by: first)
        let token = try await token()
        let second = try newcomer(token, "quay", "second")
        guard case .refusal(.nameTaken, let text)? = try await ask(second).first else {
            Issue.record("the name was given twice")
            return
        }
        #expect(text.contains("--node") && text.contains("shoal deny"))
        let berth = try newcomer(token, "berth")
        #expect(refusal(try await ask(berth)) == .nameTaken)
        #expect(refusal(try await ask(second, denied: [try nodeID("first")])) == nil)
        let late = epoch + .seconds(91 * 86_400)
        let text2 = try await issuer.makeToken(rootDigest: trust.root.digest, lifetimeSeconds: 60, now: late).text
        let third = try newcomer(try JoinToken(text2), "quay", "third")
        #expect(refusal(try await ask(third, at: late)) == nil)
    }

    @Test func malformedRequestsAreTold() async throws {
        let token = try await token()
        let good = try newcomer(token, "quay").request(exporter: exporter)
        var forged = good.signingRequest
        forged[forged.count - 1] ^= 1
        for (name, signing) in [
            ("quay", [1, 2, 3]), ("quay", forged), ("", good.signingRequest), ("a/b", good.signingRequest),
        ] {
            let request = JoinRequest(token, name: name, signingRequest: signing, exporter: exporter)
            let answer = await issuer.answer(
                request, exporter: exporter, root: trust.rootEnvelope, now: epoch, isDenied: { _ in false })
            #expect(refusal(answer) == .badRequest, "\(name)")
        }
        #expect(refusal(try await ask(try newcomer(token, "quay"))) == nil)
    }

    // MARK: What the newcomer refuses

    private struct Answer {
        var certificate: [UInt8]
        var root: [UInt8]
    }

    private func refused(_ change: (inout Answer) throws -> Void) async throws -> TrustError? {
        let newcomer = try newcomer(try await token(), "quay")
        guard case .grant(let certificate, _, _)? = try await ask(newcomer).first else { throw MissingFixture() }
        var answer = Answer(certificate: certificate, root: trust.rootEnvelope)
        try change(&answer)
        let error = fault { () throws(TrustError) in
            try newcomer.accept(certificate: answer.certificate, root: answer.root, at: epoch)
        }
        let state = cluster.folder.file("state-quay")
        #expect(try StateFolder(path: state).readBytes(at: StateFolder.nodeCertificate, atMost: 4096) == nil)
        return error
    }

    @Test func anotherRootIsRefused() async throws {
        let cluster = cluster
        let root = trust.root.value
        let error = try await refused {
            $0.root = try cluster.envelope(try cluster.successor(of: root), [try cluster.key("root")])
        }
        #expect(error?.code == .invalid && error?.description.contains("shoal token create") == true)
        #expect(try await refused { $0.root[60] ^= 1 }?.code == .invalid)
    }

    @Test func certificatesForAnotherKeyNameClusterOrCAAreRefused() async throws {
        let other = try TestCluster()
        let own = trust.identity.certificate
        #expect(try await refused { $0.certificate = own.der }?.code == .invalid)
        let foreign = try Trust.open(statePath: other.statePath).identity.certificate
        #expect(try await refused { $0.certificate = foreign.der }?.code == .invalid)
        let key = try cluster.authority()
        let node = try PrivateKey(
            pem: try required(
                try StateFolder(path: cluster.folder.file("state-quay")).readText(at: StateFolder.nodeKey)))
        let validity = own.validity
        for (name, id) in [("pier", cluster.created.cluster), ("quay", other.created.cluster)] {
            let certificate = try key.issue(
                for: node.publicKey, name: try required(NodeName(name)), cluster: id, validity: validity)
            #expect(try await refused { $0.certificate = certificate.der }?.code == .invalid)
        }
    }

    @Test func wrongClockIsNamed() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        guard case .grant(let certificate, _, _)? = try await ask(newcomer).first else { throw MissingFixture() }
        let root = trust.rootEnvelope
        let error = fault { () throws(TrustError) in
            try newcomer.accept(certificate: certificate, root: root, at: epoch + .seconds(-86_400))
        }
        #expect(error?.description.contains("clock") == true)
    }

    // MARK: Durability

    @Test func failedWriteGivesNoCertificateAndTheTokenStaysGood() async throws {
        let (state, files) = try cluster.faulty()
        let issuer = try required(try Trust.open(state).issuer)
        var number = 1
        while true {
            let newcomer = try newcomer(try JoinToken(try await tokenText(issuer)), "quay-\(number)")
            files.fail(nth: number, errno: 5, .once)
            let answer = try await ask(newcomer, issuer: issuer)
            let hasFailed = files.failureCount > 0
            files.heal()
            guard hasFailed else { break }
            #expect(refusal(answer) == .unavailable, "call \(number)")
            let identity = try accept(try await ask(newcomer, issuer: issuer), by: newcomer)
            #expect(identity.name.text == "quay-\(number)")
            number += 1
        }
        // Two files are written, each with several calls.
        #expect(number > 8)
    }

    @Test func tokenIsSpentOnDiskBeforeItsCertificateExists() async throws {
        let (state, files) = try cluster.faulty()
        let issuer = try required(try Trust.open(state).issuer)
        let token = try JoinToken(try await tokenText(issuer))
        // The first write spends the token, the second notes the certificate.
        files.fail(.rename, nth: 2, errno: 5, .forEver)
        #expect(refusal(try await ask(try newcomer(token, "quay"), issuer: issuer)) == .unavailable)
        files.heal()
        let later = try required(try Trust.open(statePath: cluster.statePath).issuer)
        #expect(refusal(try await ask(try newcomer(token, "pier"), issuer: later)) == .used)
        #expect(refusal(try await ask(try newcomer(token, "quay"), issuer: later)) == nil)
    }

    @Test func failedWriteGivesNoToken() async throws {
        let (state, files) = try cluster.faulty()
        let issuer = try required(try Trust.open(state).issuer)
        let digest = trust.root.digest
        files.fail(.synchronize, nth: 1, errno: 28, .once)
        let error = await asyncFault { () async throws(TrustError) in
            try await issuer.makeToken(rootDigest: digest, lifetimeSeconds: 60, now: epoch)
        }
        #expect(error?.code == .full && error?.description.contains("free some space") == true)
    }

    @Test func restartedIssuerRemembersTokensAndNames() async throws {
        let used = try await token()
        let open = try await token()
        let first = try newcomer(used, "quay")
        _ = try accept(try await ask(first), by: first)
        let issuer = try required(try Trust.open(statePath: cluster.statePath).issuer)
        #expect(refusal(try await ask(try newcomer(used, "pier"), issuer: issuer)) == .used)
        #expect(refusal(try await ask(try newcomer(open, "quay", "other"), issuer: issuer)) == .nameTaken)
        #expect(refusal(try await ask(try newcomer(open, "pier"), issuer: issuer)) == nil)
        #expect(try mode(of: "\(cluster.statePath)/\(StateFolder.ledger)") == 0o600)
    }

    @Test func damagedLedgerIsNamed() throws {
        try trust.files.write(Array("{".utf8), at: StateFolder.ledger, mode: 0o600)
        let path = cluster.statePath
        let error = fault { () throws(TrustError) in try Trust.open(statePath: path) }
        #expect(error?.code == .invalid && error?.description.contains("issued.json") == true)
    }

    // MARK: Renewal

    @Test func renewalIsForTheSameKeyAndNameAndLonger() async throws {
        let newcomer = try newcomer(try await token(), "quay")
        _ = try accept(try await ask(newcomer), by: newcomer)
        let joined = try Trust.open(statePath: cluster.folder.file("state-quay"))
        let late = joined.identity.renewAfter
        let renewed = try await issuer.renew(joined.identity.certificate, now: late, isDenied: { _ in false })
        let old = joined.identity
        try await joined.adopt(renewed: renewed.der, now: late)
        #expect(joined.identity.node == old.node && joined.identity.name == old.name)
        #expect(joined.identity.certificate.validity.notAfter == late + .seconds(90 * 86_400))
        let again = try Trust.open(statePath: cluster.folder.file("state-quay"))
        #expect(again.identity.certificate == renewed)
        // The name stays taken for as long as the new certificate lives.
        let text = try await issuer.makeToken(
            rootDigest: trust.root.digest, lifetimeSeconds: 60, now: late + .seconds(89 * 86_400)
        ).text
        let other = try self.newcomer(try JoinToken(text), "quay", "other")
        #expect(refusal(try await ask(other, at: late + .seconds(89 * 86_400))) == .nameTaken)
    }

    @Test func deniedNodesAndNodesWhoseNameWasGivenAwayAreNotRenewed() async throws {
        let first = try newcomer(try await token(), "quay", "first")
        let old = try accept(try await ask(first), by: first)
        let second = try newcomer(try await token(), "quay", "second")
        _ = try accept(try await ask(second, denied: [old.node]), by: second)
        let issuer = issuer
        let denied = await asyncFault { () async throws(TrustError) in
            try await issuer.renew(old.certificate, now: epoch, isDenied: { $0 == old.node })
        }
        let lifted = await asyncFault { () async throws(TrustError) in
            try await issuer.renew(old.certificate, now: epoch, isDenied: { _ in false })
        }
        #expect(denied?.code == .notAllowed && lifted?.code == .exists)
    }

    @Test func certificatesOfOtherClustersAreNotRenewed() async throws {
        let other = try TestCluster()
        let foreign = try Trust.open(statePath: other.statePath).identity.certificate
        let issuer = issuer
        let error = await asyncFault { () async throws(TrustError) in
            try await issuer.renew(foreign, now: epoch, isDenied: { _ in false })
        }
        #expect(error?.code == .invalid)
    }

    @Test func adoptedCertificateMustFitAndBeKept() async throws {
        let (own, trust) = (trust.identity, trust)
        func issue(_ name: String, _ cluster: ClusterID, _ key: PublicKey, days: Int) throws -> [UInt8] {
            let validity = CertificateValidity(notBefore: epoch, notAfter: epoch + .seconds(days * 86_400))
            return try self.cluster.authority().issue(
                for: key, name: try required(NodeName(name)), cluster: cluster, validity: validity
            ).der
        }
        let id = cluster.created.cluster
        let stranger = try PrivateKey.generate().publicKey
        let other = try TestCluster()
        let foreign = try Trust.open(statePath: other.statePath).identity.certificate.der
        let bad = [
            try issue("pier", id, own.key.publicKey, days: 200),
            try issue("berth", ClusterID(exactly: Array(1...16)), own.key.publicKey, days: 200),
            try issue("berth", id, stranger, days: 200), try issue("berth", id, own.key.publicKey, days: 89),
            own.certificate.der, foreign, [1, 2, 3],
        ]
        for der in bad {
            let error = await asyncFault { () async throws(TrustError) in
                try await trust.adopt(renewed: der, now: epoch)
            }
            #expect(error?.code == .invalid)
        }
        #expect(trust.identity.certificate == own.certificate)
        try await trust.adopt(renewed: try issue("berth", id, own.key.publicKey, days: 91), now: epoch)
        #expect(trust.identity.certificate != own.certificate)
    }

    @Test func certificateThatCannotBeKeptIsNotAdopted() async throws {
        let (state, files) = try cluster.faulty()
        let trust = try Trust.open(state)
        let issuer = try required(trust.issuer)
        let old = trust.identity.certificate
        let late = epoch + .seconds(86_400)
        let renewed = try await issuer.renew(old, now: late, isDenied: { _ in false })
        files.fail(.write, nth: 1, errno: 5, .once)
        let error = await asyncFault { () async throws(TrustError) in
            try await trust.adopt(renewed: renewed.der, now: late)
        }
        #expect(error?.code == .io && trust.identity.certificate == old)
    }
}

extension TestCluster {
    /// The CA, to issue what an issuer would not.
    func authority() throws -> CertificateAuthority {
        let state = try StateFolder(path: statePath)
        let root = try required(try DocumentJudge.chain(try DocumentArchive(state).roots()).last)
        return try CertificateAuthority(
            certificate: try required(try DocumentJudge.authorities(of: root.value).first),
            key: try PrivateKey(pem: try required(try state.readText(at: StateFolder.authorityKey))))
    }
}
