import Crypto
import EventLoop
import Files
import FoundationEssentials
import Glibc
import Manifest
import Testing
import Units

@testable import Trust

@Suite struct ClusterSetupTests {
    private func setup(_ statePath: String) throws -> ClusterSetup {
        ClusterSetup(
            cluster: try required(NodeName("harbour")), node: try required(NodeName("berth")), statePath: statePath)
    }

    private func create(_ statePath: String, keys: String) throws -> TrustError? {
        let setup = try setup(statePath)
        return fault { () throws(TrustError) in
            try setup.create(id: ClusterSetup.drawClusterID(), keysPath: keys, now: epoch)
        }
    }

    @Test func filesAndModesAreThoseOfTheDesign() throws {
        let cluster = try TestCluster()
        #expect(try StateFolder(path: cluster.keysPath).list(".") == ["operator.pem", "publish.pem", "root.pem"])
        #expect(try mode(of: cluster.keysPath) == 0o700)
        for name in ["root", "publish", "operator"] {
            #expect(try mode(of: "\(cluster.keysPath)/\(name).pem") == 0o400)
        }
        #expect(try StateFolder(path: cluster.statePath).list("keys") == ["ca.pem", "node.crt", "node.pem"])
        #expect(try mode(of: "\(cluster.statePath)/keys") == 0o700)
        for name in ["ca", "node"] { #expect(try mode(of: "\(cluster.statePath)/keys/\(name).pem") == 0o400) }
        #expect(try mode(of: cluster.statePath) == 0o750)
    }

    @Test @LoopActor func whatWasMadeIsTrusted() throws {
        let cluster = try TestCluster()
        let trust = try Trust.open(statePath: cluster.statePath)
        #expect(trust.identity.node == cluster.created.node)
        #expect(trust.identity.name.text == "berth")
        let root = trust.root.value
        #expect(root.cluster == cluster.created.cluster && root.clusterName.text == "harbour")
        #expect(root.version == 1 && root.epoch == 1)
        let all = ["root": Rights.root, "publish": [.publish, .promote], "operator": [.promote, .deny]]
        for (name, rights) in all {
            #expect(root.key(try cluster.key(name).publicKey.keyID)?.rights == rights, "\(name)")
        }
        #expect(trust.issuer != nil)
        try trust.identity.certificate.requireIssuer(among: trust.authorities, at: epoch)
    }

    @Test func secondInitIsRefused() throws {
        let cluster = try TestCluster()
        let error = try create(cluster.statePath, keys: cluster.folder.file("other"))
        #expect(error?.code == .exists)
        #expect(error?.description.contains("--state") == true)
    }

    @Test func foldersWithKeysAreRefused() throws {
        let cluster = try TestCluster()
        let error = try create(cluster.folder.file("second"), keys: cluster.keysPath)
        #expect(error?.code == .exists)
        #expect(error?.description.contains("--keys") == true)
        #expect(try StateFolder(path: cluster.folder.file("second")).list("keys").isEmpty)
    }

    @Test func keysBelowTheStateAreRefusedWhateverThePathIsCalled() throws {
        let folder = try TestFolder()
        let state = folder.file("state")
        try FileManager.default.createDirectory(atPath: folder.file("elsewhere"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: state)
        let tricks = [
            state, "\(state)/", "\(state)/keys", "\(state)/../state/keys", "\(state)//keys/", "\(state)/./a/b",
            folder.file("elsewhere/../state/keys"), folder.file("link/keys"), folder.file("link"),
            folder.file("new/../state/keys"), "\(state)/keys/../other", relative(state) + "/keys",
        ]
        for trick in tricks {
            #expect(try create(state, keys: trick)?.code == .notAllowed, "\(trick)")
            #expect(try create(relative(state) + "/", keys: trick)?.code == .notAllowed, "\(trick)")
            #expect(try create(folder.file("link"), keys: trick)?.code == .notAllowed, "\(trick)")
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: state).isEmpty)
    }

    @Test func keysBesideTheStateAreFine() throws {
        for name in ["state-keys", "state/../keys/", "keys/new/deep", "stat"] {
            let folder = try TestFolder()
            #expect(try create(folder.file("state"), keys: folder.file(name)) == nil, "\(name)")
        }
        let folder = try TestFolder()
        try FileManager.default.createSymbolicLink(atPath: folder.file("link"), withDestinationPath: folder.path)
        #expect(try create(folder.file("state"), keys: relative(folder.file("link/keys"))) == nil)
        #expect(
            try KeyFolder.open(folder.file("keys")).entitles(.root, for: .cluster, under: root(folder.file("state"))))
    }

    private func root(_ statePath: String) throws -> Root {
        let stored = try DocumentArchive(StateFolder(path: statePath)).roots()
        return try required(try DocumentJudge.chain(stored).last).value
    }

    /// The path, from the working folder.
    private func relative(_ path: String) -> String {
        let up = FileManager.default.currentDirectoryPath.split(separator: "/").map { _ in ".." }
        return up.joined(separator: "/") + path
    }

    @Test func emptyFolderForKeysBecomesPrivate() throws {
        let folder = try TestFolder()
        try FileManager.default.createDirectory(atPath: folder.file("keys"), withIntermediateDirectories: true)
        try RealFileSystem(folder: folder.path).setMode("keys", 0o777)
        #expect(try create(folder.file("state"), keys: folder.file("keys")) == nil)
        #expect(try mode(of: folder.file("keys")) == 0o700)
    }

    @Test func folderThatOthersWriteToIsRefusedForKeys() throws {
        let folder = try TestFolder()
        try FileManager.default.createDirectory(atPath: folder.file("keys/more"), withIntermediateDirectories: true)
        try RealFileSystem(folder: folder.path).setMode("keys", 0o777)
        let error = try create(folder.file("state"), keys: folder.file("keys"))
        #expect(error?.code == .notAllowed)
        #expect(error?.description.contains("others may write") == true)
    }

    @Test func fileInTheWayIsNamed() throws {
        let folder = try TestFolder()
        #expect(FileManager.default.createFile(atPath: folder.file("state"), contents: nil))
        let error = try create(folder.file("state"), keys: folder.file("keys"))
        #expect(error?.code == .invalid)
        #expect(error?.description.contains(folder.file("state")) == true)
    }

    @Test func failedInitLeavesNoNode() throws {
        let cluster = try TestCluster()
        let folder = try TestFolder()
        let state = StateFolder(path: folder.path, files: try RealFileSystem(folder: folder.path))
        #expect(fault { () throws(TrustError) in try NodeIdentity.load(from: state) }?.code == .notJoined)
        // What an init that was cut off leaves: everything but the certificate.
        try FileManager.default.removeItem(atPath: "\(cluster.statePath)/keys/node.crt")
        #expect(try create(cluster.statePath, keys: cluster.folder.file("keys2")) == nil)
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func whatRootMakesInTheAgentsFolderIsTheAgents() throws {
        let folder = try TestFolder()
        let outside = try RealFileSystem(folder: folder.path)
        try outside.makeDirectory("state", mode: 0o750)
        try outside.setOwner("state", user: 1234, group: 1235)
        #expect(try create(folder.file("state"), keys: folder.file("keys")) == nil)
        let paths = ["keys", "keys/node.pem", "keys/node.crt", "documents", "documents/heads", "documents/root/1.doc"]
        for path in paths {
            let status = try outside.status(StorePath(parsing: "state/\(path)"))
            #expect(status.userID == 1234 && status.groupID == 1235, "\(path)")
        }
        #expect(try outside.status("keys/root.pem").userID == 0)
    }
}
