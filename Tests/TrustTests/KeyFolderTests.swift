import Crypto
import Files
import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Trust

@Suite struct KeyFolderTests {
    private let cluster: TestCluster
    private let root: Root

    init() throws {
        cluster = try TestCluster()
        let stored = try DocumentArchive(StateFolder(path: cluster.statePath)).roots()
        root = try required(try DocumentJudge.chain(stored).last).value
    }

    @Test func onlyEntitledKeysSign() throws {
        let keys = try KeyFolder.open(cluster.keysPath)
        let model = RootKey.Scope.model(try required(ModelName("fish")))
        let manifest = try keys.sign(try cluster.manifest(1), as: .publish, for: model, under: root)
        #expect(manifest.signatures.map(\.keyID) == [try cluster.key("publish").publicKey.keyID])
        let subject = DenySubject.node(cluster.created.node)
        let record = try keys.sign(try cluster.record(subject, .denied, 1), as: .deny, for: .everyModel, under: root)
        #expect(record.signatures.map(\.keyID) == [try cluster.key("operator").publicKey.keyID])
        _ = try Verified<Manifest>.verify(manifest.encode(), under: root, checks: DocumentCrypto.checks)
        _ = try Verified<DenyRecord>.verify(record.encode(), under: root, checks: DocumentCrypto.checks)
    }

    @Test func asManyKeysSignAsTheRootAsksFor() throws {
        let keys = try KeyFolder.open(cluster.keysPath)
        let scope = RootKey.Scope.model(try required(ModelName("fish")))
        let head = try cluster.head(1)
        #expect(try keys.sign(head, as: .promote, for: scope, under: root).signatures.count == 1)
        let two = try cluster.successor(of: root, thresholds: Thresholds(promote: 2))
        #expect(try keys.sign(head, as: .promote, for: scope, under: two).signatures.count == 2)
        let three = try cluster.successor(of: root, thresholds: Thresholds(promote: 3))
        let error = fault { () throws(TrustError) in try keys.sign(head, as: .promote, for: scope, under: three) }
        #expect(error?.code == .notAllowed)
        #expect(error?.description.contains("2 of the 3") == true)
    }

    @Test func patternsBindKeys() throws {
        let key = try cluster.key("publish")
        let pattern = try required(ModelPattern("fish/*"))
        let narrow = try cluster.successor(
            of: root,
            keys: [cluster.rootKey(try cluster.key("root"), .root), cluster.rootKey(key, .publish, [pattern])])
        let keys = try KeyFolder.open(cluster.keysPath)
        #expect(keys.entitles(.publish, for: .model(try required(ModelName("fish/cod"))), under: narrow))
        #expect(!keys.entitles(.publish, for: .model(try required(ModelName("bird"))), under: narrow))
        #expect(!keys.entitles(.publish, for: .everyModel, under: narrow))
    }

    @Test func keysOfAnotherClusterMaySignNothing() throws {
        let others = try TestCluster()
        let other = try KeyFolder.open(others.keysPath)
        let scope = RootKey.Scope.model(try required(ModelName("fish")))
        let head = try cluster.head(1)
        let root = root
        let error = fault { () throws(TrustError) in try other.sign(head, as: .promote, for: scope, under: root) }
        #expect(error?.code == .notAllowed)
        #expect(error?.description.contains("promote fish in cluster harbour") == true)
        #expect(error?.description.contains("--keys") == true)
    }

    @Test(arguments: [UInt32(0o440), 0o404, 0o444, 0o644, 0o420, 0o401])
    func keysThatOthersMayReadAreRefused(mode: UInt32) throws {
        try RealFileSystem(folder: cluster.keysPath).setMode("publish.pem", mode)
        let path = cluster.keysPath
        let error = fault { () throws(TrustError) in try KeyFolder.open(path) }
        #expect(error?.code == .notAllowed)
        #expect(error?.description.contains("chmod 400 \(path)/publish.pem") == true)
    }

    @Test func missingAndEmptyFoldersAreNamed() throws {
        let folder = try TestFolder()
        for path in [folder.path, folder.file("none")] {
            let error = fault { () throws(TrustError) in try KeyFolder.open(path) }
            #expect(error?.code == .notFound)
            #expect(error?.description.contains("SHOAL_KEYS") == true)
        }
    }

    @Test func damagedKeysAndLinksAreNamed() throws {
        let files = try RealFileSystem(folder: cluster.keysPath)
        try files.writeAtomically("bad.pem", Array("no key".utf8), mode: 0o400)
        let path = cluster.keysPath
        let damaged = fault { () throws(TrustError) in try KeyFolder.open(path) }
        #expect(damaged?.code == .invalid && damaged?.description.contains("bad.pem") == true)
        try files.remove("bad.pem")
        try files.makeLink("link.pem", target: "root.pem")
        #expect(fault { () throws(TrustError) in try KeyFolder.open(path) } != nil)
    }
}
