import Chunking
import Crypto
import EventLoop
import Files
import FoundationEssentials
import Manifest
import Testing
import Units

@testable import Store

/// A folder on the real disk that goes with this object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/shoal-store-\(Hex.encode(SecureRandom.bytes(8)))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let file = "\(path)/\(name)"
        let folder = file[..<(file.lastIndex(of: "/") ?? file.startIndex)]
        try FileManager.default.createDirectory(atPath: String(folder), withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(filePath: file))
    }
}

/// A version of some files, with the bytes to make it of.
struct TestVersion: Sendable {
    let manifest: Verified<Manifest>
    let layout: Layout
    let files: [String: [UInt8]]
    let chunks: [[UInt8]]
    let variant: VariantName

    var key: VariantKey { VariantKey(version: manifest.digest, variant: variant) }
    var digest: Digest { manifest.digest }
    var model: ModelName { manifest.value.model }
    var indices: [ChunkIndex] { chunks.indices.map { ChunkIndex(UInt32($0)) } }

    init(
        _ files: [String: [UInt8]], model: String = "test/model", tag: String = "one", variant: VariantName = .default,
        chunkByteCount: Int = chunk
    ) throws {
        var builder = LayoutBuilder()
        var chunks: [[UInt8]] = []
        var entries: [FileEntry] = []
        for (path, bytes) in files.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
            for start in stride(from: 0, to: bytes.count, by: chunkByteCount) {
                let chunk = Array(bytes[start..<min(start + chunkByteCount, bytes.count)])
                if builder.append(SHA256.hash(chunk), byteCount: chunk.count) { chunks.append(chunk) }
            }
            builder.endFile()
            entries.append(
                FileEntry(
                    path: try #require(FilePath(path)), byteCount: ByteCount(bytes.count), digest: SHA256.hash(bytes)))
        }
        self.files = files
        self.chunks = chunks
        self.variant = variant
        layout = try builder.finish()
        manifest = try verified(
            Manifest(
                model: #require(ModelName(model)), tag: #require(Tag(tag)), publishNumber: 1,
                created: WallTime(secondsSince1970: 1),
                chunking: .init(
                    algorithm: .content, smallest: 1, average: UInt32(chunkByteCount), largest: UInt32(chunkByteCount)),
                layout: layout.reference(sha256: sha256), variants: [Variant(name: variant, files: entries)]))
    }
}

let sha256: SHA256Function = { pieces in
    var hasher = SHA256Hasher()
    for piece in pieces { hasher.update(piece) }
    return hasher.finish()
}

/// A manifest as if somebody entitled had signed it.
func verified(_ manifest: Manifest) throws -> Verified<Manifest> {
    let prefix = "3059301306072a8648ce3d020106082a8648ce3d03010703420004"
    // The curve's base point, since a key must be on it.
    let point =
        "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        + "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
    let publicKey = try #require(Hex.decode(prefix + point))
    let key = RootKey(publicKey: publicKey, rights: [.root, .publish], sha256: sha256)
    let root = try Root(
        cluster: ClusterID(exactly: [UInt8](repeating: 1, count: 16)), clusterName: #require(NodeName("test")),
        version: 1,
        issued: WallTime(secondsSince1970: 1), epoch: 1, certificates: [[1]], keys: [key], thresholds: Thresholds())
    let signature = DocumentSignature(keyID: key.keyID, bytes: [0x30, 6, 2, 1, 1, 2, 1, 1])
    let checks = DocumentChecks(sha256: sha256, isValid: { _, _, _ in true })
    let envelope = try SignedDocument(manifest, signatures: [signature]).encode()
    return try Verified<Manifest>.verify(envelope, under: root, checks: checks)
}

/// Bytes that are different for each seed.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
        var word = random.next()
        for _ in 0..<8 {
            bytes.append(UInt8(truncatingIfNeeded: word))
            word >>= 8
        }
    }
    return Array(bytes.prefix(count))
}

let testNode = NodeID(exactly: [UInt8](repeating: 7, count: 16))
/// Small chunks, since memory is slow in a debug build.
let chunk = 1_024

/// Files of all awkward sizes, in folders, with chunks that occur more than once.
func awkwardVersion(tag: String = "one", seed: UInt64 = 1) throws -> TestVersion {
    let shared = noise(chunk, seed: 99)
    return try TestVersion(
        [
            "empty": [], "one": [UInt8(truncatingIfNeeded: seed)], "deep/er/less": noise(chunk - 1, seed: seed),
            "deep/er/exact": noise(chunk, seed: seed + 1), "deep/more": noise(chunk + 1, seed: seed + 2),
            "a/twice": shared + noise(chunk, seed: seed + 3) + shared, "b/again": shared,
            "long": noise(5 * chunk + 77, seed: seed + 4),
        ], tag: tag)
}

extension Store {
    func write(_ version: TestVersion, _ index: ChunkIndex, _ bytes: [UInt8]? = nil) async -> ChunkVerdict {
        await write(version.digest, index, bytes ?? version.chunks[index.int])
    }

    func write(_ version: Digest, _ index: ChunkIndex, _ bytes: [UInt8]) async -> ChunkVerdict {
        await withCheckedContinuation { continuation in
            writeChunk(version, index, RawBuffer(bytes), from: .neighbour) { continuation.resume(returning: $0) }
        }
    }

    @discardableResult
    func begin(_ version: TestVersion) async throws -> FetchStart {
        try await beginFetch(version.manifest, version.layout, variant: version.variant)
    }

    /// Fetches and commits a version whole.
    @discardableResult
    func take(_ version: TestVersion) async throws -> CommittedVariant {
        let start = try await begin(version)
        for index in version.indices where !start.verified.contains(index) {
            #expect(await write(version, index) == .verified)
        }
        return try await commit(version.key)
    }

    @discardableResult
    func attach(_ version: TestVersion) async throws -> ChunkSet {
        try await attach(version.manifest, version.layout, variant: version.variant)
    }
}

extension StoreFileSystem {
    func bytes(_ path: StorePath) throws -> [UInt8] { try readWhole(path, byteCountMax: 1 << 24) }

    /// All files of a committed variant; empty if it is not there.
    func committedFiles(_ version: TestVersion) throws -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        func walk(_ folder: StorePath, _ prefix: String) throws {
            for entry in try listIfPresent(folder) {
                let path = try folder.appending(entry.name)
                if entry.kind == .directory {
                    try walk(path, prefix + entry.name + "/")
                } else {
                    found[prefix + entry.name] = try bytes(path)
                }
            }
        }
        try walk(StorePaths.committed(version.model, version.key), "")
        return found
    }
}
