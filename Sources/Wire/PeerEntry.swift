public import Units

/// A hint at a node, in PEERS and FOUND. The node id must answer at the endpoint, or the hint is forgotten.
public struct PeerEntry: Hashable, Sendable {
    /// Who is said to be there.
    public let node: NodeID
    /// True if that node issues certificates.
    public let issuesCertificates: Bool
    /// Where it is said to listen. It may be unspecified, multicast or of port 0: the receiver drops those.
    public let endpoint: Endpoint
    /// Models that it follows or holds; at most 16.
    public let models: [ModelName]

    /// What the sender knows of its place: 1 to 127, alike for nodes of one place; 0 if nothing.
    public let placeMark: UInt8

    /// A hint; of more than 16 models the first 16 are kept.
    /// - Precondition: the mark is at most 127.
    public init(
        node: NodeID, endpoint: Endpoint, models: [ModelName] = [], issuesCertificates: Bool = false,
        placeMark: UInt8 = 0
    ) {
        precondition(placeMark < 128, "a place mark of \(placeMark)")
        self.placeMark = placeMark
        self.node = node
        self.issuesCertificates = issuesCertificates
        self.endpoint = endpoint
        self.models = Array(models.prefix(Limits.peerModelCountMax))
    }

    /// Node id, flags, an IPv6 endpoint, and 16 of the longest names.
    static let byteCountMax = 16 + 1 + 19 + 1 + Limits.peerModelCountMax * (2 + Limits.modelNameByteCountMax)

    var encodedByteCount: Int {
        models.reduce(16 + 1 + 1 + endpoint.address.bytes.count + 2 + 1) { $0 + 2 + $1.text.utf8.count }
    }
}

/// Hints at other nodes: the body of PEERS.
public struct Peers: Hashable, Sendable {
    /// At most 64, and no more than fit into a frame.
    public let entries: [PeerEntry]

    /// As many of the first entries as fit into one frame; see `entries.count`.
    public init(fitting entries: some Sequence<PeerEntry>) {
        var fitting: [PeerEntry] = []
        var byteCount = 2
        for entry in entries {
            byteCount += entry.encodedByteCount
            guard fitting.count < Limits.peersCountMax, byteCount <= Limits.frameByteCountMax else { break }
            fitting.append(entry)
        }
        self.entries = fitting
    }
}

/// Asks for nodes beyond the neighbours.
public struct Find: Hashable, Sendable {
    /// What is looked for.
    public enum Target: Hashable, Sendable {
        /// A node that follows or holds a model.
        case model(ModelName)
        /// A node that issues certificates.
        case issuer
    }

    /// Tells this question from others; passed on unchanged.
    public let id: FindID
    /// How many times it may still be passed on; at most 3.
    public let hopsLeft: UInt8
    /// What is looked for.
    public let target: Target

    /// - Precondition: at most 3 hops.
    public init(id: FindID, hopsLeft: UInt8, target: Target) {
        precondition(hopsLeft <= Limits.findHopCountMax, "\(hopsLeft) hops")
        self.id = id
        self.hopsLeft = hopsLeft
        self.target = target
    }
}

/// The answer to FIND.
public struct Found: Hashable, Sendable {
    /// The FIND's.
    public let id: FindID
    /// At most 16.
    public let entries: [PeerEntry]

    /// Of more than 16 entries the first 16 are kept.
    public init(id: FindID, entries: [PeerEntry]) {
        self.id = id
        self.entries = Array(entries.prefix(Limits.foundCountMax))
    }
}
