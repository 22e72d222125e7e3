import Units

@testable import Wire

/// Values at the edges of their bounds.
enum Samples {
    static func digest(_ byte: UInt8) -> Digest { Digest(exactly: Array(repeating: byte, count: 32)) }
    static func node(_ byte: UInt8) -> NodeID { NodeID(exactly: Array(repeating: byte, count: 16)) }

    /// A node of which the number tells the order.
    static func counted(_ number: Int) -> NodeID {
        NodeID(exactly: Array(repeating: 0, count: 14) + [UInt8(number >> 8), UInt8(number & 0xFF)])
    }

    static func model(_ text: String) -> ModelName {
        guard let name = ModelName(text) else { preconditionFailure("\(text) is no model") }
        return name
    }

    static let longestModel = model(String(repeating: "m", count: 64) + "/" + String(repeating: "n", count: 63))

    static func address(_ bytes: [UInt8]) -> IPAddress {
        guard let address = IPAddress(bytes) else { preconditionFailure("no address") }
        return address
    }

    static let entry = PeerEntry(
        node: node(1), endpoint: Endpoint(address: address([127, 0, 0, 1]), port: 7447), models: [model("a/b")],
        issuesCertificates: true, placeMark: 127)
    static let longestEntry = PeerEntry(
        node: node(255), endpoint: Endpoint(address: address(Array(repeating: 0xFE, count: 16)), port: .max),
        models: Array(repeating: longestModel, count: 16))

    static let find = FindID(high: 1, low: .max)
    static let chunk = ChunkReference(version: digest(9), chunk: ChunkIndex(.max))

    static func label(_ key: String, _ value: String) -> Label {
        guard let label = Label(key: key, value: value) else { preconditionFailure("no label") }
        return label
    }

    static let longestHello = Hello(
        rootVersion: .max, instance: .max, software: String(repeating: "s", count: 64), listeningPort: .max,
        addresses: Array(repeating: address(Array(repeating: 1, count: 16)), count: 8),
        labels: (10..<26).map {
            label("\($0)" + String(repeating: "k", count: 62), String(repeating: "v", count: 128))
        },
        issuesCertificates: true, minorVersion: .max, features: .max, lane: 255)

    /// At least one message of each type, most of them also at their largest.
    static let messages: [Message] =
        [
            .hello(Hello(rootVersion: 1, instance: 0, software: "", listeningPort: 0)), .hello(longestHello),
            .models([]), .models([model("a"), model("a/b"), longestModel]),
            .models((0..<256).map { model("m\(1000 + $0)") }),
            .peers(Peers(fitting: [])), .peers(Peers(fitting: [entry, longestEntry])),
            .peers(Peers(fitting: Array(repeating: longestEntry, count: 64))),
            .peers(Peers(fitting: Array(repeating: entry, count: 64))),
            .ping(0), .ping(.max), .pong(1), .goodbye(Goodbye(.leaving)),
            .goodbye(Goodbye(.otherCluster, String(repeating: "ö", count: 128))),
            .document(DocumentFrame(kind: .head, envelope: Array(repeating: 3, count: 4_096))),
            .document(DocumentFrame(kind: .root, envelope: Array(repeating: 3, count: 65_536))),
            .document(DocumentFrame(kind: .deny, envelope: [])), .levelled,
            .versionsQuery(VersionsQuery(request: 1, model: longestModel)),
            .versions(Versions(request: 2, manifests: [])),
            .versions(Versions(request: 2, manifests: (0..<512).map { digest(UInt8($0 % 256)) })),
        ] + questions + chunks

    private static let questions: [Message] = [
        .fetch(Fetch(request: 3, kind: .manifest, digest: digest(1))),
        .fetch(Fetch(request: RequestID(.max), kind: .layout, digest: digest(2))),
        .part(Part(request: 3, total: 1, offset: 0, bytes: [0])),
        .part(
            Part(request: 3, total: 48 << 20, offset: (48 << 20) - 16_384, bytes: Array(repeating: 7, count: 16_384))),
        .absent(Absent(request: 4, reason: .notHeld)), .absent(Absent(request: 4, reason: .notAllowed)),
        .find(Find(id: find, hopsLeft: 3, target: .model(longestModel))),
        .find(Find(id: find, hopsLeft: 0, target: .issuer)),
        .found(Found(id: find, entries: [])),
        .found(Found(id: find, entries: Array(repeating: longestEntry, count: 16))),
        .space(Space(byteCount: .max, sharesBlocks: true)), .space(Space(byteCount: 0, sharesBlocks: false)),
        .statusNews([StatusNews(node: node(1), stamp: StatusStamp(boot: .max, sequence: .max))]),
        .statusNews((0..<512).map { StatusNews(node: counted($0), stamp: StatusStamp(boot: 0, sequence: 1)) }),
        .statusQuery([StatusQuestion(node: node(1), wantsCertificate: true)]),
        .statusQuery((0..<64).map { StatusQuestion(node: counted($0), wantsCertificate: false) }),
        .status(StatusFrame(ageSeconds: 0, record: [1])),
        .status(
            StatusFrame(
                ageSeconds: .max, record: Array(repeating: 8, count: 4_096),
                certificate: Array(repeating: 0x30, count: 2_048))),
        .renew(9), .certificate(CertificateFrame(request: 9, certificate: [1])),
        .certificate(CertificateFrame(request: 9, certificate: Array(repeating: 0x30, count: 2_048))),
    ]

    private static let chunks: [Message] = [
        .holdings(Holdings(version: digest(5), flags: [.wants], chunkCount: 0)),
        .holdings(Holdings(version: digest(5), flags: [.complete, .directing], chunkCount: 1_048_576)),
        .holdings(Holdings(version: digest(5), flags: [], chunkCount: 9, bitmap: [0xFF, 0x80])),
        .holdings(
            Holdings(
                version: digest(5), flags: [.wants], chunkCount: 1_048_576, firstChunk: 1_048_576 - 131_072,
                bitmap: Array(repeating: 0xA5, count: 16_384))),
        .have(ChunkList(version: digest(6), chunks: [0])),
        .have(ChunkList(version: digest(6), chunks: (0..<1_024).map { ChunkIndex($0 * 7) })),
        .withdraw(ChunkList(version: digest(6), chunks: [3, ChunkIndex(.max)])), .leave(digest(7)), .offer(chunk),
        .claim(Claim(chunk: chunk, claimant: node(3))), .bad(chunk), .request(Request(request: 1, chunk: chunk)),
        .cancel(1),
        .data(DataFrame(request: 1, offset: 0, payload: [255])),
        .data(DataFrame(request: 1, offset: .max, payload: Array(repeating: 0x5A, count: 16_384))),
        .refuse(Refuse(request: 1, reason: .busy, retryMilliseconds: .max)),
        .refuse(Refuse(request: 1, reason: .leaving)),
        .refuse(Refuse(request: 2, reason: .elsewhere)),
    ]
}
