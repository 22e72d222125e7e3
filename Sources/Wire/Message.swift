public import Units

/// One frame's content. A value that can be made can be encoded; one that was decoded keeps the bounds of `wire.md`.
public enum Message: Hashable, Sendable {
    /// Each side's first frame.
    case hello(Hello)
    /// The models that the sender follows or holds; replaces the list before. Decoded: strictly ascending, at most 256.
    /// The encoder sorts, and keeps the first 256.
    case models([ModelName])
    /// Hints at other nodes.
    case peers(Peers)
    /// Asks for a PONG with the same token.
    case ping(UInt64)
    /// Answers a PING.
    case pong(UInt64)
    /// The last frame of a connection.
    case goodbye(Goodbye)
    /// A root, a head or a deny record.
    case document(DocumentFrame)
    /// The sender has sent all documents that it keeps.
    case levelled
    /// Asks which versions of a model the receiver knows.
    case versionsQuery(VersionsQuery)
    /// Answers VERSIONS_QUERY.
    case versions(Versions)
    /// Asks for a manifest or a layout.
    case fetch(Fetch)
    /// A part of what FETCH asked for.
    case part(Part)
    /// The answer to FETCH, VERSIONS_QUERY or RENEW is no.
    case absent(Absent)
    /// Asks for nodes beyond the neighbours.
    case find(Find)
    /// Answers FIND.
    case found(Found)
    /// Opens a version and says which chunks the sender holds.
    case holdings(Holdings)
    /// More chunks that the sender holds.
    case have(ChunkList)
    /// Chunks that the sender holds no longer.
    case withdraw(ChunkList)
    /// Closes a version, by its manifest digest.
    case leave(Digest)
    /// Asks the receiver to take a chunk now.
    case offer(ChunkReference)
    /// The sender is about to fetch a chunk across a slow link.
    case claim(Claim)
    /// Asks for a chunk.
    case request(Request)
    /// Takes a REQUEST back.
    case cancel(RequestID)
    /// Some bytes of a chunk.
    case data(DataFrame)
    /// Answers REQUEST with no.
    case refuse(Refuse)
    /// The chunk that the receiver sent was damaged.
    case bad(ChunkReference)
    /// Asks an issuer for a new certificate.
    case renew(RequestID)
    /// Answers RENEW.
    case certificate(CertificateFrame)
    /// How much the sender's disk would still take.
    case space(Space)
    /// Status records that the sender has; 1 to 512, ascending by node.
    case statusNews([StatusNews])
    /// Asks for status records; 1 to 64, ascending by node.
    case statusQuery([StatusQuestion])
    /// Answers STATUS_QUERY, one for each record.
    case status(StatusFrame)

    /// The frame's type.
    public var type: FrameType {
        switch self {
        case .hello: .hello
        case .models: .models
        case .peers: .peers
        case .ping: .ping
        case .pong: .pong
        case .goodbye: .goodbye
        case .document: .document
        case .levelled: .levelled
        case .versionsQuery: .versionsQuery
        case .versions: .versions
        case .fetch: .fetch
        case .part: .part
        case .absent: .absent
        case .find: .find
        case .found: .found
        case .holdings: .holdings
        case .have: .have
        case .withdraw: .withdraw
        case .leave: .leave
        case .offer: .offer
        case .claim: .claim
        case .request: .request
        case .cancel: .cancel
        case .data: .data
        case .refuse: .refuse
        case .bad: .bad
        case .renew: .renew
        case .certificate: .certificate
        case .space: .space
        case .statusNews: .statusNews
        case .statusQuery: .statusQuery
        case .status: .status
        }
    }

    /// True for DATA and PART, which wait for every other frame.
    public var isBulk: Bool { type == .data || type == .part }
}
