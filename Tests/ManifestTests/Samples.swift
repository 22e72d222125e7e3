import Units

@testable import Manifest

/// Names and values for the tests.
enum Samples {
    static func digest(_ number: Int) -> Digest {
        let tail = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
        return Digest(exactly: Array(repeating: 0xD0, count: 24) + tail)
    }

    static func name<T: Name>(_ text: String) -> T {
        guard let name = T(text) else { preconditionFailure("\(text) is no \(T.self)") }
        return name
    }

    static let cluster = ClusterID(exactly: Array(repeating: 0xC1, count: 16))
    static let node = NodeID(exactly: Array(repeating: 0x0E, count: 16))
    static let time = WallTime(secondsSince1970: 1_900_000_000)
    static let later = WallTime(secondsSince1970: 1_900_086_400)
    static let model: ModelName = name("vision/detect")
    static let stable = ModelChannel(model: model, channel: .stable)

    static func file(_ path: String, _ byteCount: Int = 1) -> FileEntry {
        FileEntry(path: name(path), byteCount: ByteCount(byteCount), digest: digest(byteCount))
    }

    static func manifest(
        files: [FileEntry], chunking: ChunkingParameters = .fixed(65_536), publishNumber: UInt64 = 1,
        layout: LayoutReference = LayoutReference(digest: digest(1), byteCount: 10, chunkCount: 0)
    ) throws(DocumentError) -> Manifest {
        try Manifest(
            model: model, tag: name("v1"), publishNumber: publishNumber, created: time, chunking: chunking,
            layout: layout, variants: [Variant(name: .default, files: files)])
    }

    static func head(
        epoch: UInt32 = 1, counter: UInt64 = 1, version: Int = 1, rootVersion: UInt32 = 1, cluster: ClusterID = cluster
    ) throws(DocumentError) -> Head {
        try Head(
            cluster: cluster, rootVersion: rootVersion, channel: stable, rank: Rank(epoch: epoch, counter: counter),
            version: digest(version), issued: time, expires: later)
    }

    static func deny(
        _ subject: DenySubject, _ state: DenyRecord.State = .denied, epoch: UInt32 = 1, counter: UInt64 = 1,
        issued: WallTime = time
    ) throws(DocumentError) -> DenyRecord {
        try DenyRecord(
            cluster: cluster, rootVersion: 1, subject: subject, state: state,
            rank: Rank(epoch: epoch, counter: counter),
            issued: issued)
    }
}

/// Keys that sign without cryptography: the public halves are points of the curve, a signature is made of the key id
/// and the digest.
struct TestKey {
    let publicKey: [UInt8]
    let keyID: Digest

    /// The keys of the test vectors; a few are enough.
    static let all: [TestKey] = Vectors.documents["keys"].list.map {
        let publicKey = $0["spki"].bytes
        return TestKey(publicKey: publicKey, keyID: SHA256.hash([publicKey]))
    }

    static func signature(by keyID: Digest, of digest: Digest) -> [UInt8] {
        let r = [0x41] + digest.bytes.dropFirst()
        let s = [0x42] + zip(keyID.bytes, digest.bytes).map { $0 ^ $1 }.dropFirst()
        return [0x30, 68, 0x02, 32] + r + [0x02, 32] + s
    }

    static let checks = DocumentChecks(
        sha256: SHA256.hash,
        isValid: { signature, digest, publicKey in
            signature == TestKey.signature(by: SHA256.hash([publicKey]), of: digest)
        })

    func rootKey(_ rights: Rights, _ patterns: [String] = ["*"]) -> RootKey {
        RootKey(publicKey: publicKey, rights: rights, patterns: patterns.map { Samples.name($0) }, sha256: SHA256.hash)
    }
}

extension DocumentBody {
    /// The value in an envelope that some keys signed.
    func signed(by keys: [TestKey]) throws -> SignedDocument {
        let digest = digest(sha256: SHA256.hash)
        return try SignedDocument(
            self,
            signatures: keys.map {
                DocumentSignature(keyID: $0.keyID, bytes: TestKey.signature(by: $0.keyID, of: digest))
            })
    }

    func envelope(_ keys: TestKey...) throws -> [UInt8] { try signed(by: keys).encode() }
}
