internal import Units

/// The types of frames that this build knows.
public enum FrameType: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// Each side's first frame.
    case hello = 0x01
    /// The models that the sender follows or holds.
    case models = 0x02
    /// Hints at other nodes.
    case peers = 0x03
    /// Asks for a PONG.
    case ping = 0x04
    /// Answers a PING.
    case pong = 0x05
    /// The last frame of a connection.
    case goodbye = 0x06
    /// A root, a head or a deny record.
    case document = 0x10
    /// The sender has sent all documents that it keeps.
    case levelled = 0x11
    /// Asks which versions of a model the receiver knows.
    case versionsQuery = 0x12
    /// Answers VERSIONS_QUERY.
    case versions = 0x13
    /// Asks for a manifest or a layout.
    case fetch = 0x14
    /// A part of what FETCH asked for.
    case part = 0x15
    /// The answer to FETCH, VERSIONS_QUERY or RENEW is no.
    case absent = 0x16
    /// Asks for nodes beyond the neighbours.
    case find = 0x17
    /// Answers FIND.
    case found = 0x18
    /// Opens a version and says which chunks the sender holds.
    case holdings = 0x20
    /// More chunks that the sender holds.
    case have = 0x21
    /// Chunks that the sender holds no longer.
    case withdraw = 0x22
    /// Closes a version.
    case leave = 0x23
    /// Asks the receiver to take a chunk now.
    case offer = 0x24
    /// The sender is about to fetch a chunk across a slow link.
    case claim = 0x25
    /// Asks for a chunk.
    case request = 0x26
    /// Takes a REQUEST back.
    case cancel = 0x27
    /// Some bytes of a chunk.
    case data = 0x28
    /// Answers REQUEST with no.
    case refuse = 0x29
    /// The chunk that the receiver sent was damaged.
    case bad = 0x2A
    /// Asks an issuer for a new certificate.
    case renew = 0x30
    /// Answers RENEW.
    case certificate = 0x31
    /// How much the sender's disk would still take.
    case space = 0x80
    /// Status records that the sender has.
    case statusNews = 0x81
    /// Asks for status records.
    case statusQuery = 0x82
    /// A status record.
    case status = 0x83

    /// How many bytes may follow the type; checked before they are read.
    var bodyByteCounts: ClosedRange<Int> {
        switch self {
        case .hello: 30...Limits.frameByteCountMax - 1
        case .models: 2...2 + Limits.modelsCountMax * Self.nameByteCountMax
        case .peers: 1...Limits.frameByteCountMax - 1
        case .ping, .pong: 8...8
        case .goodbye: 4...4 + Limits.goodbyeTextByteCountMax
        case .document: 1...1 + Limits.rootByteCountMax
        case .levelled: 0...0
        case .versionsQuery: 6...4 + Self.nameByteCountMax
        case .versions: 6...6 + 32 * Limits.versionsCountMax
        case .fetch: 37...37
        case .part: 13...12 + Limits.dataFrameByteCount
        case .absent: 5...5
        case .find: 20...18 + Self.nameByteCountMax
        case .found: 17...17 + Limits.foundCountMax * PeerEntry.byteCountMax
        case .holdings: 41...41 + Limits.holdingsBitmapByteCountMax
        case .have, .withdraw: 38...34 + 4 * Limits.haveChunkCountMax
        case .leave: 32...32
        case .offer, .bad: 36...36
        case .claim: 52...52
        case .request: 40...40
        case .cancel, .renew: 4...4
        case .data: 9...8 + Limits.dataFrameByteCount
        case .refuse, .space: 9...9
        case .statusNews: 30...2 + 28 * Limits.statusNewsCountMax
        case .statusQuery: 19...2 + 17 * Limits.statusQueryCountMax
        case .status: 9...8 + Limits.statusByteCountMax + Limits.certificateFrameByteCountMax
        case .certificate: 7...6 + Limits.certificateFrameByteCountMax
        }
    }

    /// A model's name with its length.
    private static let nameByteCountMax = 2 + Limits.modelNameByteCountMax

    /// The name in `wire.md`.
    public var description: String {
        switch self {
        case .hello: "HELLO"
        case .models: "MODELS"
        case .peers: "PEERS"
        case .ping: "PING"
        case .pong: "PONG"
        case .goodbye: "GOODBYE"
        case .document: "DOCUMENT"
        case .levelled: "LEVELLED"
        case .versionsQuery: "VERSIONS_QUERY"
        case .versions: "VERSIONS"
        case .fetch: "FETCH"
        case .part: "PART"
        case .absent: "ABSENT"
        case .find: "FIND"
        case .found: "FOUND"
        case .holdings: "HOLDINGS"
        case .have: "HAVE"
        case .withdraw: "WITHDRAW"
        case .leave: "LEAVE"
        case .offer: "OFFER"
        case .claim: "CLAIM"
        case .request: "REQUEST"
        case .cancel: "CANCEL"
        case .data: "DATA"
        case .refuse: "REFUSE"
        case .bad: "BAD"
        case .renew: "RENEW"
        case .certificate: "CERTIFICATE"
        case .space: "SPACE"
        case .statusNews: "STATUS_NEWS"
        case .statusQuery: "STATUS_QUERY"
        case .status: "STATUS"
        }
    }
}
