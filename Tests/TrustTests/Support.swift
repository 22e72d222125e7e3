import Crypto
import Files
import FoundationEssentials
import Manifest
import Units

@testable import Trust

/// A folder of the test's own, which goes with it.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        // In memory where that can be had: the tests wait for each file's fsync.
        let memory = URL(fileURLWithPath: "/dev/shm")
        let isThere = FileManager.default.isWritableFile(atPath: memory.path())
        let parent = isThere ? memory : FileManager.default.temporaryDirectory
        let made = parent.appending(path: "shoal-trust-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        path = try RealFileSystem(folder: made.path()).folder
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// The permissions of something.
func mode(of path: String) throws -> UInt32 {
    let parent = path.split(separator: "/").dropLast().joined(separator: "/")
    let name = String(path.split(separator: "/").last ?? "")
    return try RealFileSystem(folder: "/\(parent)").status(StorePath(parsing: name)).mode & 0o777
}

/// What a call throws; nil if it does not.
func fault<T>(of work: () throws(TrustError) -> T) -> TrustError? {
    do throws(TrustError) {
        _ = try work()
        return nil
    } catch {
        return error
    }
}

func asyncFault<T>(
    isolation: isolated (any Actor)? = #isolation, of work: () async throws(TrustError) -> T
) async -> TrustError? {
    do throws(TrustError) {
        _ = try await work()
        return nil
    } catch {
        return error
    }
}

struct MissingFixture: Error {}

func required<T>(_ value: T?) throws -> T {
    guard let value else { throw MissingFixture() }
    return value
}

let epoch = WallTime(secondsSince1970: 1_800_000_000)
let exporter = [UInt8](repeating: 7, count: JoinRequest.exporterByteCount)

/// A cluster with one node, as `shoal init` makes it.
struct TestCluster {
    let folder: TestFolder
    let created: CreatedCluster
    var statePath: String { folder.file("state") }
    var keysPath: String { folder.file("keys") }

    init() throws {
        folder = try TestFolder()
        let setup = ClusterSetup(
            cluster: try required(NodeName("harbour")), node: try required(NodeName("berth")),
            statePath: folder.file("state"))
        created = try setup.create(id: ClusterSetup.drawClusterID(), keysPath: folder.file("keys"), now: epoch)
    }

    /// `root`, `publish` or `operator`.
    func key(_ name: String) throws -> PrivateKey {
        try PrivateKey(pem: try required(try StateFolder(path: keysPath).readText(at: "\(name).pem")))
    }

    func envelope(_ value: some DocumentBody, _ signers: [PrivateKey]) throws -> [UInt8] {
        let digest = value.digest(sha256: DocumentCrypto.sha256)
        let signatures = try signers.map {
            DocumentSignature(keyID: $0.publicKey.keyID, bytes: try $0.sign(digest))
        }
        return try SignedDocument(value, signatures: signatures).encode()
    }

    func channel(_ model: String = "fish", _ name: String = "stable") throws -> ModelChannel {
        ModelChannel(model: try required(ModelName(model)), channel: try required(ChannelName(name)))
    }

    func head(
        _ counter: UInt64, epoch number: UInt32 = 1, channel: ModelChannel? = nil, version: UInt8 = 1,
        rootVersion: UInt32 = 1, cluster: ClusterID? = nil
    ) throws -> Head {
        try Head(
            cluster: cluster ?? created.cluster, rootVersion: rootVersion, channel: channel ?? self.channel(),
            rank: Rank(epoch: number, counter: counter), version: digest(version), issued: epoch,
            expires: epoch + .seconds(3600))
    }

    func record(
        _ subject: DenySubject, _ state: DenyRecord.State, _ counter: UInt64, issued: WallTime = epoch
    ) throws -> DenyRecord {
        try DenyRecord(
            cluster: created.cluster, rootVersion: 1, subject: subject, state: state,
            rank: Rank(epoch: 1, counter: counter), issued: issued)
    }

    func manifest(_ number: UInt64, model: String = "fish", layout: UInt8 = 9) throws -> Manifest {
        let file = FileEntry(path: try required(FilePath("weights")), byteCount: 0, digest: SHA256.hash([]))
        return try Manifest(
            model: try required(ModelName(model)), tag: try required(Tag("v\(number)")), publishNumber: number,
            created: epoch,
            chunking: ChunkingParameters(algorithm: .fixed, smallest: 65_536, average: 65_536, largest: 65_536),
            layout: LayoutReference(digest: digest(layout), byteCount: 18, chunkCount: 0),
            variants: [Variant(name: .default, files: [file])])
    }

    func digest(_ byte: UInt8) -> Digest { Digest(exactly: [UInt8](repeating: byte, count: Digest.byteCount)) }

    /// The root after `root`, unsigned.
    func successor(
        of root: Root, version: UInt32? = nil, epoch number: UInt32? = nil, cluster: ClusterID? = nil,
        certificates: [[UInt8]]? = nil, keys: [RootKey]? = nil, thresholds: Thresholds? = nil
    ) throws -> Root {
        try Root(
            cluster: cluster ?? root.cluster, clusterName: root.clusterName, version: version ?? root.version + 1,
            issued: epoch, epoch: number ?? root.epoch, certificates: certificates ?? root.certificates,
            keys: keys ?? root.keys, thresholds: thresholds ?? root.thresholds)
    }

    func rootKey(_ key: PrivateKey, _ rights: Rights, _ patterns: [ModelPattern] = [.all]) -> RootKey {
        RootKey(publicKey: key.publicKey.spki, rights: rights, patterns: patterns, sha256: DocumentCrypto.sha256)
    }

    /// The state folder with a file system whose calls can be made to fail.
    func faulty() throws -> (StateFolder, FaultyFileSystem) {
        let files = FaultyFileSystem(try RealFileSystem(folder: statePath))
        return (StateFolder(path: statePath, files: files), files)
    }
}

/// The content of `Protocol/vectors/token.json`, made by the second implementation.
struct TokenVectors: Decodable {
    struct Token: Decodable {
        struct Fields: Decodable { let caPin, rootPin, issuer, clusterId, id, secret: String }
        let name, text: String
        let fields: Fields
        let corruptAt: [Int]
    }
    struct Refused: Decodable {
        let name, text: String
        let reasons: [String]
    }
    struct Message: Decodable {
        let name: String
        let type: Int?
        let bytes: String
    }
    struct Authenticator: Decodable { let secret, tokenID, node, request, exporter, hmac: String }
    struct Certificates: Decodable { let clusterID, ca, caPin, node, nodeName, nodeID, nodePEM, otherCA: String }

    let tokens: [Token]
    let refused: [Refused]
    let messages: [Message]
    let tolerated: [Message]
    let refusedMessages: [Message]
    let hmac: [Authenticator]
    let certificates: [Certificates]

    static let path =
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
        .appending(path: "Protocol/vectors/token.json").path()
    static var isThere: Bool { FileManager.default.fileExists(atPath: path) }

    static func read() throws -> TokenVectors {
        try JSONDecoder().decode(TokenVectors.self, from: try required(FileManager.default.contents(atPath: path)))
    }
}
