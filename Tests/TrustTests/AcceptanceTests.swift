import Crypto
import EventLoop
import Files
import Manifest
import Testing
import Units

@testable import Trust

extension DocumentVerdict {
    var isAccepted: Bool { if case .accepted = self { true } else { false } }
    var isDropped: Bool { if case .dropped = self { true } else { false } }
    var isBlamed: Bool { if case .blamed = self { true } else { false } }
    var isFailed: Bool { if case .failed = self { true } else { false } }
}

@Suite @LoopActor struct AcceptanceTests {
    private let cluster: TestCluster
    private let trust: Trust
    private let publish: PrivateKey
    private let steward: PrivateKey
    private let rootKey: PrivateKey

    init() throws {
        cluster = try TestCluster()
        trust = try Trust.open(statePath: cluster.statePath)
        publish = try cluster.key("publish")
        steward = try cluster.key("operator")
        rootKey = try cluster.key("root")
    }

    private func give(_ head: Head, by signers: PrivateKey..., to other: Trust? = nil) async throws -> DocumentVerdict {
        await (other ?? trust).receive(
            try cluster.envelope(head, signers.isEmpty ? [publish] : signers), kind: .head)
    }

    private func give(_ record: DenyRecord, to other: Trust? = nil) async throws -> DocumentVerdict {
        await (other ?? trust).receive(try cluster.envelope(record, [steward]), kind: .deny)
    }

    private func give(_ root: Root, by signers: PrivateKey...) async throws -> DocumentVerdict {
        await trust.receive(try cluster.envelope(root, signers.isEmpty ? [rootKey] : signers), kind: .root)
    }

    private func restarted() throws -> Trust { try Trust.open(statePath: cluster.statePath) }

    // MARK: Heads

    @Test func headsOnlyRise() async throws {
        #expect(try await give(cluster.head(2)).isAccepted)
        #expect(try await give(cluster.head(1, version: 5)).isDropped)
        #expect(try await give(cluster.head(2)).isDropped)
        #expect(try await give(cluster.head(3, version: 6)).isAccepted)
        let channel = try cluster.channel()
        #expect(trust.heads[channel]?.value.rank.counter == 3)
        #expect(try restarted().heads == trust.heads)
    }

    @Test func smallerDigestWinsBetweenEqualsAndBothAreReported() async throws {
        let heads = try [cluster.head(1, version: 1), cluster.head(1, version: 2)].sorted {
            $0.digest(sha256: DocumentCrypto.sha256) < $1.digest(sha256: DocumentCrypto.sha256)
        }
        var reports: [DocumentConflict] = []
        trust.onConflict = { reports.append($0) }
        #expect(try await give(heads[1]).isAccepted)
        #expect(try await give(heads[0]).isAccepted)
        #expect(try await give(heads[1]).isDropped)
        let digests = heads.map { $0.digest(sha256: DocumentCrypto.sha256) }
        let expected = DocumentConflict(subject: "fish:stable", kept: digests[0], dropped: digests[1])
        #expect(trust.conflicts == [expected] && reports == [expected])
        #expect(try restarted().heads[try cluster.channel()]?.digest == digests[0])
    }

    @Test func signaturesOfOneHeadAreUnited() async throws {
        let head = try cluster.head(1)
        #expect(try await give(head, by: publish).isAccepted)
        #expect(try await give(head, by: steward).isDropped)
        let channel = try cluster.channel()
        #expect(trust.heads[channel]?.document.signatures.count == 2)
        #expect(try restarted().heads[channel]?.document.signatures.count == 2)
        #expect(try await give(head, by: publish).isDropped)
        #expect(trust.heads[channel]?.document.signatures.count == 2)
    }

    @Test func whoIsToBlameFollowsTheDocument() async throws {
        #expect(try await give(cluster.head(1, cluster: ClusterID(exactly: Array(1...16)))).isDropped)
        #expect(try await give(cluster.head(1), by: try PrivateKey.generate()).isDropped)
        #expect(try await give(cluster.head(1), by: rootKey).isDropped)
        #expect(try await give(cluster.head(1, epoch: 2)).isBlamed)
        #expect(try await give(cluster.head(1, rootVersion: 2)).isDropped)
        var forged = try cluster.envelope(try cluster.head(1), [publish])
        // The expiry's last byte: the body stays well-formed, and the signature is wrong.
        forged[forged.count - 1 - 110] ^= 1
        #expect(await trust.receive(forged, kind: .head).isBlamed)
        #expect(await trust.receive([1, 2, 3], kind: .head).isBlamed)
        #expect(await trust.receive([], kind: .deny).isBlamed)
        #expect(await trust.receive(try cluster.envelope(try cluster.head(1), [publish]), kind: .deny).isBlamed)
        #expect(await trust.receive([], kind: .manifest).isDropped)
        #expect(trust.heads.isEmpty)
    }

    @Test func wrongSignatureUnderAListedKeyIsBlamed() async throws {
        let other = try publish.sign(cluster.digest(1))
        let document = try SignedDocument(
            try cluster.head(1), signatures: [DocumentSignature(keyID: publish.publicKey.keyID, bytes: other)])
        let verdict = await trust.receive(document.encode(), kind: .head)
        #expect(verdict.isBlamed)
    }

    @Test func channelsOfAModelAreLimited() async throws {
        for number in 0..<Limits.channelCountPerModelMax {
            let channel = try cluster.channel("fish", "c\(number)")
            #expect(try await give(cluster.head(1, channel: channel)).isAccepted)
        }
        #expect(try await give(cluster.head(1, channel: cluster.channel("fish", "more"))).isDropped)
        #expect(try await give(cluster.head(1, channel: cluster.channel("bird"))).isAccepted)
        #expect(try await give(cluster.head(2, channel: cluster.channel("fish", "c0"))).isAccepted)
        let again = try restarted()
        #expect(again.heads.count == 65)
        #expect(try await give(cluster.head(1, channel: cluster.channel("fish", "more")), to: again).isDropped)
    }

    @Test func modelsAreLimited() async throws {
        let bytes = try publish.sign(cluster.digest(1))
        let signature = DocumentSignature(keyID: publish.publicKey.keyID, bytes: bytes)
        for number in 0..<Limits.modelCountMax {
            let head = try cluster.head(1, channel: cluster.channel("m\(number)"))
            let envelope = try SignedDocument(head, signatures: [signature]).encode()
            trust.take(try Verified<Head>.verify(envelope, under: trust.root.value, checks: Self.trusting))
        }
        #expect(trust.fullReason(for: try required(ModelName("fish"))) != nil)
        #expect(trust.fullReason(for: try required(ModelName("m0"))) == nil)
    }

    /// Checks nothing, and is fast.
    private static let trusting = DocumentChecks(sha256: DocumentCrypto.sha256) { _, _, _ in true }

    // MARK: Deny records

    @Test func denyRecordsAreOrderedAndKept() async throws {
        let node = NodeID(exactly: Array(1...16))
        #expect(try await give(cluster.record(.node(node), .denied, 1)).isAccepted)
        #expect(trust.deniedNodes == [node] && trust.denyList.isDenied(node))
        #expect(try await give(cluster.record(.node(node), .denied, 1)).isDropped)
        #expect(try restarted().deniedNodes == [node])
        #expect(try await give(cluster.record(.node(node), .lifted, 2)).isAccepted)
        #expect(try await give(cluster.record(.node(node), .denied, 1)).isDropped)
        #expect(trust.deniedNodes.isEmpty)
        #expect(try restarted().deniedNodes.isEmpty && restarted().denyList == trust.denyList)
    }

    @Test func deniedWinsBetweenEquals() async throws {
        let subject = DenySubject.version(try required(ModelName("fish")), cluster.digest(1))
        #expect(try await give(cluster.record(subject, .lifted, 1)).isAccepted)
        #expect(try await give(cluster.record(subject, .denied, 1)).isAccepted)
        #expect(try await give(cluster.record(subject, .lifted, 1)).isDropped)
        #expect(trust.denyList.isDenied(subject) && trust.conflicts.count == 1)
        #expect(try restarted().denyList.isDenied(subject))
    }

    @Test func subjectsDoNotShareAFile() async throws {
        let fish = try required(ModelName("fish"))
        let subjects: [DenySubject] = [
            .node(NodeID(exactly: Array(1...16))), .version(fish, cluster.digest(1)), .version(fish, cluster.digest(2)),
            .version(try required(ModelName("fish/cod")), cluster.digest(1)), .channel(try cluster.channel()),
            .channel(try cluster.channel("fish/cod")), .channel(try cluster.channel("fish", "cod")),
        ]
        for subject in subjects { #expect(try await give(cluster.record(subject, .denied, 1)).isAccepted) }
        let again = try restarted()
        for subject in subjects { #expect(again.denyList.isDenied(subject), "\(subject)") }
    }

    @Test func publisherMayNotDeny() async throws {
        let record = try cluster.record(.node(cluster.created.node), .denied, 1)
        #expect(await trust.receive(try cluster.envelope(record, [publish]), kind: .deny).isDropped)
    }

    // MARK: Roots

    @Test func nextRootIsTakenAndKept() async throws {
        let first = trust.root.value
        let second = try cluster.successor(of: first, epoch: 2)
        #expect(try await give(second).isAccepted)
        #expect(trust.root.value == second && trust.issuer != nil)
        #expect(try restarted().roots == trust.roots)
        #expect(try await give(cluster.head(1, epoch: 2, rootVersion: 2)).isAccepted)
    }

    @Test func rootsThatAreNotTheNextAreNotTaken() async throws {
        let first = trust.root.value
        #expect(await trust.receive(trust.rootEnvelope, kind: .root).isDropped)
        #expect(try await give(cluster.successor(of: first, version: 3)).isDropped)
        #expect(try await give(cluster.successor(of: first, version: 1, epoch: 2)).isDropped)
        #expect(try await give(cluster.successor(of: first), by: publish).isDropped)
        #expect(try await give(cluster.successor(of: first), by: PrivateKey.generate()).isDropped)
        #expect(try await give(cluster.successor(of: first, cluster: ClusterID(exactly: Array(1...16)))).isDropped)
        let second = try cluster.successor(of: first, epoch: 2)
        #expect(try await give(second).isAccepted)
        #expect(try await give(cluster.successor(of: second, epoch: 1)).isBlamed)
        #expect(trust.roots.count == 2)
    }

    @Test func newRootIsSignedUnderTheOldAndItself() async throws {
        let first = trust.root.value
        let heir = try PrivateKey.generate()
        let keys = first.keys.filter { !$0.rights.includes(.root) } + [cluster.rootKey(heir, .root)]
        let second = try cluster.successor(of: first, keys: keys)
        #expect(try await give(second, by: rootKey).isDropped)
        #expect(try await give(second, by: heir).isDropped)
        #expect(try await give(second, by: rootKey, heir).isAccepted)
        #expect(try restarted().roots == trust.roots)
    }

    @Test func rootWithAnUnreadableCAIsNotKept() async throws {
        let second = try cluster.successor(of: trust.root.value, certificates: [[1, 2, 3]])
        #expect(try await give(second).isFailed)
        #expect(trust.roots.count == 1)
        #expect(try restarted().roots.count == 1)
    }

    @Test func issuerWhoseCAIsGoneIssuesNoMore() async throws {
        let key = try PrivateKey.generate()
        let validity = CertificateValidity(notBefore: epoch, notAfter: epoch + .seconds(86_400))
        let other = try CertificateAuthority.makeRoot(name: "other", key: key, validity: validity)
        let second = try cluster.successor(of: trust.root.value, certificates: [other.certificate.der])
        #expect(try await give(second).isAccepted)
        #expect(trust.issuer == nil && trust.authorities == [other.certificate])
    }

    // MARK: Durability

    @Test func nothingIsVisibleThatWasNotKept() async throws {
        let (state, files) = try cluster.faulty()
        let node = NodeID(exactly: Array(1...16))
        let documents: [([UInt8], DocumentKind)] = [
            (try cluster.envelope(try cluster.head(1), [publish]), .head),
            (try cluster.envelope(try cluster.record(.node(node), .denied, 1), [steward]), .deny),
            (try cluster.envelope(try cluster.successor(of: trust.root.value), [rootKey]), .root),
        ]
        for (envelope, kind) in documents {
            files.heal()
            let trust = try Trust.open(state)
            var number = 1
            while true {
                files.fail(nth: number, errno: 28, .once)
                let verdict = await trust.receive(envelope, kind: kind)
                let hasFailed = files.failureCount > 0
                files.heal()
                guard hasFailed else {
                    #expect(verdict.isAccepted, "\(kind)")
                    break
                }
                #expect(verdict.isFailed, "\(kind), call \(number)")
                #expect(trust.heads.isEmpty && trust.deniedNodes.isEmpty && trust.roots.count == 1)
                number += 1
            }
            #expect(number > 4)
            try clear()
        }
    }

    @Test func whatIsGenuineAndNewIsPassedOnBeforeItIsKeptAndOnlyOnce() async throws {
        let record = try cluster.record(.node(NodeID(exactly: Array(1...16))), .denied, 1)
        let documents = [
            (try cluster.envelope(try cluster.head(1), [publish]), DocumentKind.head),
            (try cluster.envelope(record, [steward]), DocumentKind.deny),
        ]
        let (state, files) = try cluster.faulty()
        let trust = try Trust.open(state)
        for (envelope, kind) in documents {
            var passed: [[UInt8]] = []
            files.fail(nth: 1, errno: 28, .once)
            let failed = await trust.receive(envelope, kind: kind) { passed.append($0.envelope) }
            files.heal()
            #expect(failed.isFailed)
            #expect(passed == [envelope])
            #expect(await trust.receive(envelope, kind: kind).isAccepted)
            let again = await trust.receive(envelope, kind: kind) { passed.append($0.envelope) }
            #expect(again.isDropped)
            #expect(passed == [envelope])
        }
    }

    @Test func whatIsOlderOrWrongIsNotPassedOn() async throws {
        #expect(try await give(cluster.head(2)).isAccepted)
        var count = 0
        let older = try cluster.envelope(try cluster.head(1), [publish])
        #expect(await trust.receive(older, kind: .head, passOn: { _ in count += 1 }).isDropped)
        let unentitled = try cluster.envelope(try cluster.head(3), [rootKey])
        #expect(await !trust.receive(unentitled, kind: .head, passOn: { _ in count += 1 }).isAccepted)
        #expect(count == 0)
    }

    /// Makes the state folder what it was.
    private func clear() throws {
        let state = try StateFolder(path: cluster.statePath)
        for folder in ["documents/heads", "documents/deny"] {
            for name in try state.list(folder) { try state.remove("\(folder)/\(name)") }
        }
        try state.remove("documents/root/2.doc")
    }

    @Test func documentsAreJudgedOneAfterTheOther() async throws {
        let envelopes = try (1...20).map { try cluster.envelope(try cluster.head($0, version: UInt8($0)), [publish]) }
        let trust = trust
        await withTaskGroup(of: Void.self) { group in
            for envelope in envelopes.shuffled() {
                group.addTask { _ = await trust.receive(envelope, kind: .head) }
            }
        }
        #expect(trust.heads[try cluster.channel()]?.value.rank.counter == 20)
        #expect(try restarted().heads == trust.heads)
    }
}
