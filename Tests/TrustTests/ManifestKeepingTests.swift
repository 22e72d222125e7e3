import Crypto
import EventLoop
import Files
import Manifest
import Testing
import Units

@testable import Trust

@Suite @LoopActor struct ManifestKeepingTests {
    private let cluster: TestCluster
    private let trust: Trust
    private let publish: PrivateKey

    init() throws {
        cluster = try TestCluster()
        trust = try Trust.open(statePath: cluster.statePath)
        publish = try cluster.key("publish")
    }

    private func envelope(_ manifest: Manifest, by key: PrivateKey? = nil) throws -> [UInt8] {
        try cluster.envelope(manifest, [key ?? publish])
    }

    private func keep(_ number: UInt64, model: String = "fish", layout: UInt8 = 9) async throws -> Verified<Manifest> {
        try await trust.receiveManifest(
            try envelope(try cluster.manifest(number, model: model, layout: layout)), expecting: nil)
    }

    private func restarted() throws -> Trust { try Trust.open(statePath: cluster.statePath) }

    private func refusal(_ envelope: [UInt8], expecting digest: Digest? = nil) async -> DocumentRefusal? {
        do {
            _ = try await trust.receiveManifest(envelope, expecting: digest)
            return nil
        } catch {
            return error as? DocumentRefusal
        }
    }

    /// A root without the publisher's key.
    private func rotate() async throws {
        let root = trust.root.value
        let heir = try PrivateKey.generate()
        let keys =
            root.keys.filter { $0.keyID != publish.publicKey.keyID } + [cluster.rootKey(heir, [.publish, .promote])]
        let next = try cluster.envelope(try cluster.successor(of: root, keys: keys), [try cluster.key("root")])
        #expect(await trust.receive(next, kind: .root).isAccepted)
    }

    @Test func genuineManifestIsKept() async throws {
        let manifest = try cluster.manifest(1)
        let digest = manifest.digest(sha256: DocumentCrypto.sha256)
        let kept = try await trust.receiveManifest(try envelope(manifest), expecting: digest)
        #expect(kept.value == manifest && trust.manifests[digest] == kept && trust.manifest(digest) == kept)
        #expect(try restarted().manifests == trust.manifests)
        _ = try await trust.receiveManifest(try envelope(manifest), expecting: digest)
        #expect(trust.manifests.count == 1)
    }

    @Test func otherManifestsAreRefused() async throws {
        let good = try envelope(try cluster.manifest(1))
        guard case .otherDocument? = await refusal(good, expecting: cluster.digest(3)) else {
            Issue.record("another manifest than the one that was asked for")
            return
        }
        let stranger = await refusal(try envelope(try cluster.manifest(1), by: try PrivateKey.generate()))
        #expect(stranger?.blamesSender == false)
        #expect(
            await refusal(try envelope(try cluster.manifest(1), by: try cluster.key("operator")))?.blamesSender == false
        )
        var forged = good
        forged[20] ^= 1
        #expect(await refusal(forged)?.blamesSender == true)
        #expect(trust.manifests.isEmpty)
    }

    @Test func manifestThatCannotBeKeptIsNotVisible() async throws {
        let (state, files) = try cluster.faulty()
        let trust = try Trust.open(state)
        let good = try envelope(try cluster.manifest(1))
        files.fail(.rename, nth: 1, errno: 28, .once)
        await #expect(throws: TrustError.self) { try await trust.receiveManifest(good, expecting: nil) }
        #expect(trust.manifests.isEmpty)
        _ = try await trust.receiveManifest(good, expecting: nil)
        #expect(trust.manifests.count == 1)
    }

    @Test func forgottenManifestGoesWithItsLayout() async throws {
        let manifest = try await keep(1)
        try trust.store(layout: [1, 2], digest: cluster.digest(9))
        #expect(try trust.storedLayout(cluster.digest(9)) == [1, 2])
        try await trust.forget(manifest)
        #expect(trust.manifests.isEmpty)
        #expect(try trust.storedLayout(cluster.digest(9)) == nil && restarted().manifests.isEmpty)
        try await trust.forget(manifest)
    }

    @Test func layoutThatAnotherVersionHasStays() async throws {
        let (first, second) = (try await keep(1), try await keep(2))
        try trust.store(layout: [1], digest: cluster.digest(9))
        try await trust.forget(first)
        #expect(try trust.storedLayout(cluster.digest(9)) == [1])
        try await trust.forget(second)
        #expect(try trust.storedLayout(cluster.digest(9)) == nil)
    }

    @Test func manifestOfARevokedKeyMayBeLoadedButNotSwitchedTo() async throws {
        let manifest = try await keep(1)
        #expect(trust.isStillEntitled(manifest))
        try await rotate()
        for trust in [trust, try restarted()] {
            #expect(trust.manifests.isEmpty && trust.retained == [manifest.digest: manifest])
            #expect(trust.manifest(manifest.digest) == manifest && !trust.isStillEntitled(manifest))
        }
        #expect(await refusal(manifest.envelope)?.blamesSender == false)
        #expect(trust.retained.count == 1)
        try await trust.forget(manifest)
        #expect(try trust.retained.isEmpty && restarted().retained.isEmpty)
    }

    @Test func headOfARevokedKeyKeepsItsRankButIsNotEntitled() async throws {
        let head = try cluster.head(5)
        #expect(await trust.receive(try cluster.envelope(head, [publish]), kind: .head).isAccepted)
        try await rotate()
        for trust in [trust, try restarted()] {
            let kept = try required(trust.heads[try cluster.channel()])
            #expect(!trust.isStillEntitled(kept))
            let older = try cluster.envelope(try cluster.head(4, version: 7), [try cluster.key("operator")])
            #expect(await trust.receive(older, kind: .head).isDropped)
        }
        let newer = try cluster.envelope(try cluster.head(6), [try cluster.key("operator")])
        #expect(await trust.receive(newer, kind: .head).isAccepted)
        #expect(trust.isStillEntitled(try required(trust.heads[try cluster.channel()])))
    }

    @Test func denyRecordOfARevokedKeyStays() async throws {
        let steward = try cluster.key("operator")
        let node = NodeID(exactly: Array(1...16))
        let record = try cluster.record(.node(node), .denied, 1)
        #expect(await trust.receive(try cluster.envelope(record, [steward]), kind: .deny).isAccepted)
        let root = trust.root.value
        let keys = root.keys.filter { $0.keyID != steward.publicKey.keyID }
        let next = try cluster.envelope(try cluster.successor(of: root, keys: keys), [try cluster.key("root")])
        #expect(await trust.receive(next, kind: .root).isAccepted)
        #expect(try restarted().deniedNodes == [node])
    }

    @Test func oldestManifestsGoFirstAndHeldAndNamedOnesStay() async throws {
        let checks = DocumentChecks(sha256: DocumentCrypto.sha256) { _, _, _ in true }
        let signature = DocumentSignature(
            keyID: publish.publicKey.keyID, bytes: try publish.sign(cluster.digest(1)))
        var digests: [Digest] = []
        for number in 1...UInt64(Limits.manifestCountPerModelMax + 4) {
            let document = try SignedDocument(try cluster.manifest(number), signatures: [signature])
            let manifest = try Verified<Manifest>.verify(document.encode(), under: trust.root.value, checks: checks)
            trust.manifests[manifest.digest] = manifest
            digests.append(manifest.digest)
        }
        let other = try await keep(1, model: "bird")
        let named = try Head(
            cluster: cluster.created.cluster, rootVersion: 1, channel: cluster.channel(),
            rank: Rank(epoch: 1, counter: 1), version: digests[1], issued: epoch, expires: epoch + .seconds(60))
        #expect(await trust.receive(try cluster.envelope(named, [publish]), kind: .head).isAccepted)
        let model = try required(ModelName("fish"))
        let gone = try await trust.trim(model, held: [digests[0]])
        #expect(Set(gone) == Set(digests[2...3]))
        #expect(trust.manifests[other.digest] != nil && trust.manifests.count == Limits.manifestCountPerModelMax + 3)
        #expect(try await trust.trim(model, held: [digests[0]]).isEmpty)
    }
}
