import Testing
import Units

@testable import Manifest

@Suite struct VerifiedTests {
    private let keys = TestKey.all
    private let checks = TestKey.checks

    private func root(
        version: UInt32 = 1, epoch: UInt32 = 1, keys: [RootKey], thresholds: Thresholds = Thresholds(),
        cluster: ClusterID = Samples.cluster
    ) throws(DocumentError) -> Root {
        try Root(
            cluster: cluster, clusterName: Samples.name("harbour"), version: version, issued: Samples.time,
            epoch: epoch,
            certificates: [[1, 2, 3]], keys: keys, thresholds: thresholds)
    }

    /// One key with all rights.
    private var plain: Root { get throws(DocumentError) { try root(keys: [keys[0].rootKey(.all)]) } }

    private func refusal<T>(_ body: () throws(DocumentRefusal) -> T) -> DocumentRefusal? {
        do {
            _ = try body()
            return nil
        } catch { return error }
    }

    @Test func aHeadOfAnEntitledKey_isAccepted() throws {
        let head = try Samples.head()
        let verified = try Verified<Head>.verify(head.envelope(keys[0]), under: plain, checks: checks)
        #expect(verified.value == head)
        #expect(verified.digest == head.digest(sha256: SHA256.hash))
        #expect(verified.envelope == (try head.envelope(keys[0])))
    }

    @Test func aThreshold_countsDifferentEntitledKeys() throws {
        let root = try root(
            keys: [
                keys[0].rootKey([.root, .promote]), keys[1].rootKey(.promote, ["vision/*"]),
                keys[2].rootKey(.promote, ["speech"]), keys[3].rootKey(.publish),
            ], thresholds: Thresholds(promote: 2))
        let head = try Samples.head()
        _ = try Verified<Head>.verify(head.envelope(keys[0], keys[1]), under: root, checks: checks)
        // Of another model, of another right, and not listed.
        for other in [keys[2], keys[3], keys[4]] {
            let envelope = try head.envelope(keys[0], other)
            let refusal = refusal { () throws(DocumentRefusal) in
                try Verified<Head>.verify(envelope, under: root, checks: checks)
            }
            #expect(refusal == .notEntitled(signers: 1, threshold: 2))
            #expect(refusal?.blamesSender == false)
        }
    }

    @Test func aWrongSignature_blamesOnlyUnderAListedKey() throws {
        let root = try plain
        let head = try Samples.head()
        let good = try head.signed(by: [keys[0]]).signatures
        let wrong = TestKey.signature(by: keys[1].keyID, of: Samples.digest(0))
        let ofStranger = try SignedDocument(
            head, signatures: good + [DocumentSignature(keyID: keys[1].keyID, bytes: wrong)])
        let accepted = try Verified<Head>.verify(ofStranger.encode(), under: root, checks: checks)
        #expect(accepted.document.signatures == good)
        let ofListed = try SignedDocument(head, signatures: [DocumentSignature(keyID: keys[0].keyID, bytes: wrong)])
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<Head>.verify(ofListed.encode(), under: root, checks: checks)
        }
        #expect(refusal == .wrongSignature(keyID: keys[0].keyID))
        #expect(refusal?.blamesSender == true)
    }

    @Test func aHeadThatDoesNotFitTheRoot_isRefused() throws {
        let root = try plain
        let other = ClusterID(exactly: Array(repeating: 9, count: 16))
        let cases: [(Head, DocumentRefusal)] = [
            (try Samples.head(cluster: other), .otherCluster(other)),
            (try Samples.head(rootVersion: 2), .newerRootNeeded(version: 2)),
            (try Samples.head(epoch: 2), .epochTooHigh(epoch: 2, newest: 1)),
        ]
        for (head, expected) in cases {
            let envelope = try head.envelope(keys[0])
            #expect(
                refusal { () throws(DocumentRefusal) in try Verified<Head>.verify(envelope, under: root, checks: checks)
                } == expected)
        }
    }

    @Test func aManifestThatWasNotAskedFor_isRefusedBeforeItsSignaturesAreChecked() throws {
        let envelope = try Samples.manifest(files: [Samples.file("a")]).envelope(keys[0])
        let noChecks = DocumentChecks(sha256: SHA256.hash) { _, _, _ in
            Issue.record("a signature is checked")
            return false
        }
        let root = try plain
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<Manifest>.verify(envelope, expecting: Samples.digest(0), under: root, checks: noChecks)
        }
        guard case .otherDocument = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
    }

    @Test func aBody_isNotParsed_beforeEnoughSignaturesAreValid() throws {
        let nonsense = try SignedDocument(
            kind: .head, body: [1, 2, 3],
            signatures: [
                DocumentSignature(
                    keyID: keys[5].keyID, bytes: TestKey.signature(by: keys[5].keyID, of: Samples.digest(0)))
            ])
        let root = try plain
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<Head>.verify(nonsense.encode(), under: root, checks: checks)
        }
        #expect(refusal == .notEntitled(signers: 0, threshold: 1))
    }

    @Test func anotherKindOfDocument_isRefused() throws {
        let envelope = try Samples.deny(.node(Samples.node)).envelope(keys[0])
        let root = try plain
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<Head>.verify(envelope, under: root, checks: checks)
        }
        #expect(refusal?.blamesSender == true)
        #expect(refusal?.description == "envelope: kind: not valid: a deny instead of a head")
    }

    @Test func denyingANode_takesTheStar() throws {
        let root = try root(keys: [
            keys[0].rootKey(.root), keys[1].rootKey(.deny, ["vision/*"]), keys[2].rootKey(.deny),
        ])
        let ofNode = try Samples.deny(.node(Samples.node))
        _ = try Verified<DenyRecord>.verify(ofNode.envelope(keys[2]), under: root, checks: checks)
        let envelope = try ofNode.envelope(keys[1])
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<DenyRecord>.verify(envelope, under: root, checks: checks)
        }
        #expect(refusal == .notEntitled(signers: 0, threshold: 1))
        let ofVersion = try Samples.deny(.version(Samples.model, Samples.digest(1)))
        _ = try Verified<DenyRecord>.verify(ofVersion.envelope(keys[1]), under: root, checks: checks)
    }

    @Test func aSuccessor_takesTheSignaturesOfBothRoots() throws {
        let first = try plain
        let pinned = try Verified<Root>.pinned(
            first.envelope(keys[0]), digest: first.digest(sha256: SHA256.hash), checks: checks)
        let next = try root(version: 2, epoch: 3, keys: [keys[1].rootKey(.all)])
        let accepted = try pinned.successor(next.envelope(keys[0], keys[1]), checks: checks)
        #expect(accepted.value == next)
        let cases: [(Root, [TestKey], DocumentRefusal)] = [
            (next, [keys[0]], .notEntitled(signers: 0, threshold: 1)),
            (next, [keys[1]], .notEntitled(signers: 0, threshold: 1)),
            (first, [keys[0]], .notTheNextRoot(version: 1, expected: 2)),
            (try root(version: 3, keys: [keys[0].rootKey(.all)]), [keys[0]], .notTheNextRoot(version: 3, expected: 2)),
        ]
        for (root, signers, expected) in cases {
            let envelope = try root.signed(by: signers).encode()
            #expect(
                refusal { () throws(DocumentRefusal) in try pinned.successor(envelope, checks: checks) } == expected)
        }
        let back = try root(version: 3, epoch: 2, keys: [keys[1].rootKey(.all)]).envelope(keys[1])
        #expect(
            refusal { () throws(DocumentRefusal) in try accepted.successor(back, checks: checks) }
                == .epochWentBack(epoch: 2, before: 3))
    }

    @Test func aRootWithAnotherDigest_isNotThePinnedOne() throws {
        let root = try plain
        let envelope = try root.envelope(keys[0])
        let refusal = refusal { () throws(DocumentRefusal) in
            try Verified<Root>.pinned(envelope, digest: Samples.digest(1), checks: checks)
        }
        #expect(refusal == .otherDocument(digest: root.digest(sha256: SHA256.hash)))
    }

    @Test func heads_areOrderedByRank_andEqualOnesByDigest() throws {
        let root = try root(epoch: 9, keys: [keys[0].rootKey(.all)])
        func verified(_ head: Head) throws -> Verified<Head> {
            try Verified<Head>.verify(head.envelope(keys[0]), under: root, checks: checks)
        }
        let base = try verified(Samples.head(epoch: 2, counter: 5))
        #expect(try verified(Samples.head(epoch: 2, counter: 6)).precedence(over: base) == .newer)
        #expect(try verified(Samples.head(epoch: 3, counter: 1)).precedence(over: base) == .newer)
        #expect(try verified(Samples.head(epoch: 1, counter: 9)).precedence(over: base) == .older)
        #expect(base.precedence(over: base) == .same)
        let rival = try verified(Samples.head(epoch: 2, counter: 5, version: 2))
        let isLower = rival.digest < base.digest
        #expect(rival.precedence(over: base) == (isLower ? .conflictWon : .conflictLost))
        #expect(base.precedence(over: rival) == (isLower ? .conflictLost : .conflictWon))
    }

    @Test func thresholdsThatNobodyCouldReach_areRefused() throws {
        #expect(throws: DocumentError.self) {
            try root(keys: [keys[0].rootKey(.all)], thresholds: Thresholds(root: 2))
        }
        // Of the other rights a root may ask for more than it has keys: nobody may, then.
        _ = try root(keys: [keys[0].rootKey(.root)], thresholds: Thresholds(publish: 32))
    }

    @Test func aKeyOffTheCurve_isRefused() throws {
        #expect(!keys.isEmpty)
        for key in keys { #expect(P256Point.isOnCurve(key.publicKey.dropFirst(27))) }
        for offset in [27, 58, 59, 90] {
            var bytes = keys[0].publicKey
            bytes[offset] ^= 1
            #expect(!P256Point.isOnCurve(bytes.dropFirst(27)))
        }
        // Coordinates of p and above are another form of smaller ones.
        #expect(!P256Point.isOnCurve(Array(repeating: 0xFF, count: 64)[...]))
        #expect(!P256Point.isOnCurve([UInt8](repeating: 0, count: 64)[...]))
    }
}
