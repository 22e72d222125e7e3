public import Units

/// What two agents say to each other about chunks: the frames 0x02, 0x03 and 0x20 to 0x2A of `Protocol/wire.md`, field by
/// field, without DATA. The shell translates one frame into one message and back, and checks nothing that the codec has
/// not checked; whatever needs memory of earlier frames is checked here.
public enum SwarmMessage: Hashable, Sendable {
    /// Which models the sender follows or holds. It replaces the list before.
    case models([ModelName])
    /// Nodes that the sender is connected to, or was a short time ago.
    case peers([PeerEntry])
    /// Opens a version on this connection, or says again what the sender has of it. One frame of possibly several.
    case holdings(HoldingsPart)
    /// The sender has these chunks now.
    case have(Digest, [ChunkIndex])
    /// These chunks turned out damaged.
    case withdraw(Digest, [ChunkIndex])
    /// The sender neither holds nor wants the version any more.
    case leave(Digest)
    /// The receiver, and nobody else, is asked to take this chunk now.
    case offer(Digest, ChunkIndex)
    /// The sender is about to fetch this chunk across a slow link.
    case claim(Digest, ChunkIndex)
    /// Asks for a chunk. Outgoing requests leave the core as `SwarmEffect.request`, never as this message.
    case request(UInt32, Digest, ChunkIndex)
    /// Takes a request back.
    case cancel(UInt32)
    /// The sender will not answer the request, or not now.
    case refuse(UInt32, RefuseReason, retryAfter: Duration)
    /// A chunk that the receiver of this message sent had the wrong hash.
    case bad(Digest, ChunkIndex)
}

/// One HOLDINGS frame.
public struct HoldingsPart: Hashable, Sendable {
    /// The manifest's digest.
    public let version: Digest
    /// What the sender does with the version.
    public let flags: HoldingsFlags
    /// How many chunks the sender says the version has.
    public let chunkCount: UInt32
    /// The chunk that the bitmap's first bit stands for; a multiple of 8.
    public let firstChunk: UInt32
    /// Bit `0x80 >> (i % 8)` of byte i / 8 is chunk `firstChunk + i`.
    public let bitmap: [UInt8]

    /// Takes the fields as they are.
    public init(version: Digest, flags: HoldingsFlags, chunkCount: UInt32, firstChunk: UInt32, bitmap: [UInt8]) {
        self.version = version
        self.flags = flags
        self.chunkCount = chunkCount
        self.firstChunk = firstChunk
        self.bitmap = bitmap
    }
}

/// The flags of HOLDINGS, with the wire's bits.
public struct HoldingsFlags: OptionSet, Hashable, Sendable {
    /// The wire's byte.
    public let rawValue: UInt8

    /// Takes the fields as they are.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The sender lacks chunks and asks for them.
    public static let wants = HoldingsFlags(rawValue: 1)
    /// The sender holds all chunks; the bitmap is empty.
    public static let complete = HoldingsFlags(rawValue: 2)
    /// The sender holds more than it announces.
    public static let directing = HoldingsFlags(rawValue: 4)
}

/// Why a request is refused, with the wire's codes.
public enum RefuseReason: UInt8, Hashable, Sendable {
    case busy = 1
    case notHeld = 2
    case unknownVersion = 3
    case denied = 4
    case cannotRead = 5
    case leaving = 6
}

/// One entry of PEERS.
public struct PeerEntry: Hashable, Sendable {
    /// The node that must answer at the endpoint.
    public let node: NodeID
    /// Whether that node issues certificates.
    public let issuesCertificates: Bool
    /// Where it listens.
    public let endpoint: Endpoint
    /// Models that it follows or holds; at most `Limits.modelsPerPeerEntryMax`.
    public let models: [ModelName]

    /// Takes the fields as they are.
    public init(node: NodeID, issuesCertificates: Bool, endpoint: Endpoint, models: [ModelName]) {
        self.node = node
        self.issuesCertificates = issuesCertificates
        self.endpoint = endpoint
        self.models = models
    }
}

/// Why a connection ends: the codes of `Protocol/wire.md`, section 5.
public enum DisconnectReason: UInt16, Hashable, Sendable {
    case leaving = 0
    case duplicate = 1
    case itself = 2
    case unsupported = 3
    case malformed = 4
    case tooLarge = 5
    case outOfOrder = 6
    case unsolicited = 7
    case unknownVersion = 8
    case badChunk = 9
    case badDocument = 10
    case tooManyAddresses = 11
    case slow = 12
    case silent = 13
    case denied = 14
    case busy = 15
    case stalled = 16
    case otherCluster = 17

    /// Whether the table says that the neighbour is set aside for it.
    public var setsAside: Bool {
        switch self {
        case .leaving, .duplicate, .itself, .silent, .denied, .busy: false
        default: true
        }
    }
}
