import Crypto
import EventLoop
import Files
import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Trust

@Suite @LoopActor struct TrustOpeningTests {
    private let cluster: TestCluster
    private let state: StateFolder

    init() throws {
        cluster = try TestCluster()
        state = try StateFolder(path: cluster.statePath)
    }

    private func openFault(_ path: String? = nil) -> TrustError? {
        let path = path ?? cluster.statePath
        return fault { () throws(TrustError) in try Trust.open(statePath: path) }
    }

    @Test func folderOfNoClusterSaysHowToBegin() throws {
        let folder = try TestFolder()
        for path in [folder.path, folder.file("none")] {
            let error = openFault(path)
            #expect(error?.code == .notJoined)
            #expect(
                error?.description.contains("shoal init") == true && error?.description.contains("shoal join") == true)
        }
    }

    @Test(arguments: [StateFolder.nodeKey, StateFolder.nodeCertificate, StateFolder.authorityKey])
    func damagedKeysAndCertificatesAreNamed(path: String) throws {
        for bytes in [[], [1, 2, 3], Array("-----BEGIN PRIVATE KEY-----\n".utf8)] as [[UInt8]] {
            try state.write(bytes, at: path, mode: 0o400)
            let error = openFault()
            #expect(error?.code == .invalid)
            #expect(error?.description.contains(path) == true)
        }
    }

    @Test func missingKeyIsNotTakenForAnEmptyFolder() throws {
        try state.remove(StateFolder.nodeKey)
        let error = openFault()
        #expect(error?.code == .invalid && error?.description.contains("node.pem is missing") == true)
    }

    @Test func keyOfAnotherNodeIsRefused() throws {
        try state.write(Array(try PrivateKey.generate().pem.utf8), at: StateFolder.nodeKey, mode: 0o400)
        #expect(openFault()?.code == .invalid)
    }

    @Test(arguments: ["root", "publish", "operator"]) func signingKeyInTheStateIsRefused(name: String) throws {
        try state.write(Array(try cluster.key(name).pem.utf8), at: "keys/\(name).pem", mode: 0o400)
        let error = openFault()
        #expect(error?.code == .misconfigured)
        #expect(
            error?.description.contains("keys/\(name).pem") == true && error?.description.contains("--keys") == true)
    }

    @Test func otherFilesAmongTheKeysAreFine() throws {
        try state.write(Array(try PrivateKey.generate().pem.utf8), at: "keys/other.pem", mode: 0o400)
        try state.write([1], at: "keys/notes.pem", mode: 0o400)
        #expect(openFault() == nil)
    }

    @Test func keyOfAnotherCAIsNoIssuer() throws {
        try state.write(Array(try PrivateKey.generate().pem.utf8), at: StateFolder.authorityKey, mode: 0o400)
        #expect(try Trust.open(statePath: cluster.statePath).issuer == nil)
    }

    // MARK: Roots

    private func keepSecondRoot() throws -> Root {
        let trust = try Trust.open(statePath: cluster.statePath)
        let next = try cluster.successor(of: trust.root.value, epoch: 3)
        let archive = DocumentArchive(state)
        try archive.save(root: try cluster.envelope(next, [try cluster.key("root")]), version: 2)
        return next
    }

    @Test func chainOfRootsIsReadFromDisk() throws {
        let next = try keepSecondRoot()
        let trust = try Trust.open(statePath: cluster.statePath)
        #expect(trust.roots.map(\.value.version) == [1, 2] && trust.root.value == next)
    }

    @Test func damagedRootsAreRefused() throws {
        _ = try keepSecondRoot()
        for version in ["1", "2"] {
            let path = "documents/root/\(version).doc"
            let good = try required(try state.readBytes(at: path, atMost: Limits.rootByteCountMax))
            for damage in [Array(good.dropLast()), [], good + [0], flipped(good, at: good.count / 2)] {
                try state.write(damage, at: path, mode: 0o640)
                let error = openFault()
                #expect(error?.code == .invalid && error?.description.contains(path) == true)
            }
            try state.write(good, at: path, mode: 0o640)
        }
        #expect(openFault() == nil)
    }

    private func flipped(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
        var bytes = bytes
        bytes[offset] ^= 1
        return bytes
    }

    @Test func chainWithAGapOrUnderAnotherNameIsRefused() throws {
        _ = try keepSecondRoot()
        let second = try required(try state.readBytes(at: "documents/root/2.doc", atMost: Limits.rootByteCountMax))
        try state.remove("documents/root/1.doc")
        #expect(openFault() == nil)
        try state.write(second, at: "documents/root/3.doc", mode: 0o640)
        #expect(openFault()?.code == .invalid)
        try state.remove("documents/root/2.doc")
        #expect(openFault()?.code == .invalid)
        try state.remove("documents/root/3.doc")
        #expect(openFault()?.description.contains("no root document") == true)
    }

    @Test func rootOfAnotherClusterIsRefused() throws {
        let other = try TestCluster()
        let root = try required(try DocumentArchive(StateFolder(path: other.statePath)).roots().first)
        try DocumentArchive(state).save(root: root.envelope, version: 1)
        #expect(openFault()?.code == .invalid)
    }

    @Test func newerFormatAsksForAnUpgrade() throws {
        let good = try required(try state.readBytes(at: "documents/root/1.doc", atMost: Limits.rootByteCountMax))
        var body = try SignedDocument(decoding: good).body
        body[1] = 2
        let key = try cluster.key("root")
        let digest = SignedDocument.digest(kind: .root, body: body, sha256: DocumentCrypto.sha256)
        let signature = DocumentSignature(keyID: key.publicKey.keyID, bytes: try key.sign(digest))
        let newer = try SignedDocument(kind: .root, body: body, signatures: [signature]).encode()
        try DocumentArchive(state).save(root: newer, version: 1)
        let error = openFault()
        #expect(error?.code == .newerFormat && error?.description.contains("upgrade") == true)
    }

    // MARK: What is left over

    @Test func damagedDocumentsAreReportedAndLeftOut() async throws {
        let trust = try Trust.open(statePath: cluster.statePath)
        _ = await trust.receive(try cluster.envelope(try cluster.head(1), [try cluster.key("publish")]), kind: .head)
        try state.write([1, 2], at: "documents/heads/x:y.doc", mode: 0o640)
        try state.write([1, 2], at: "documents/deny/z.doc", mode: 0o640)
        let again = try Trust.open(statePath: cluster.statePath)
        #expect(again.heads.count == 1)
        #expect(again.unusableFiles.map { $0.prefix { $0 != ":" } } == ["documents/deny/z.doc", "documents/heads/x"])
        #expect(try state.readBytes(at: "documents/deny/z.doc", atMost: 9) == [1, 2])
    }

    @Test func leftoversOfAPowerCutGo() throws {
        let name = "keys/.shoal-temporary-abc-1"
        try RealFileSystem(folder: cluster.statePath).writeAtomically("keys/a", [1], mode: 0o600)
        try RealFileSystem(folder: cluster.statePath).rename(
            "keys/a", to: StorePath(parsing: name), target: .mustNotExist)
        let trust = try Trust.open(statePath: cluster.statePath)
        #expect(try state.readBytes(at: name, atMost: 9) == [1], "an agent that has no lock yet touches nothing")
        trust.removeLeftovers()
        #expect(try state.readBytes(at: name, atMost: 9) == nil)
    }

    @Test func failingDiskIsNamed() throws {
        let (state, files) = try cluster.faulty()
        for (errno, code) in [(Int32(5), TrustError.Code.io), (13, .permission)] {
            files.fail(.open, nth: 1, errno: errno, .once)
            let error = fault { () throws(TrustError) in try Trust.open(state) }
            #expect(error?.code == code)
            #expect(error?.description.contains("keys/node.crt") == true)
        }
        files.heal()
    }

    @Test func permissionErrorSaysWhoMayRead() {
        let error = TrustError(FileError(errno: 13, .open, "keys/node.pem"), in: "/var/lib/shoal")
        #expect(error.code == .permission)
        #expect(
            error.description
                == "/var/lib/shoal: open keys/node.pem: permission denied (errno 13); "
                + "run this as root or as the agent's user"
        )
    }
}
