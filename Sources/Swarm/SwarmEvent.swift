public import Units
public import Wire

/// What happened. The shell hands events in one at a time and drains all effects before the next.
///
/// Events about a neighbour or a request that the core does not know (any more) are ignored, so the shell need not care
/// about frames that cross a disconnect. Only `neighbourLost` and `neighbourFull` must name the connection that the
/// core knows: after `.disconnect` the core has forgotten the neighbour, and the shell does not report it lost.
public enum SwarmEvent: Equatable, Sendable {
    // MARK: What this agent has and wants

    /// A version whose layout is known is held, fetched or both. Adding a known version again changes its plan; what
    /// neighbours hold is kept.
    case versionAdded(VersionPlan)
    /// The version is neither held nor wanted any more, or was denied.
    case versionRemoved(Digest, because: Departure)
    /// Chunks came to be here by another way than from a neighbour (reuse, an origin), and are verified and written.
    case chunksFound(Digest, [ChunkIndex])

    // MARK: Verdicts of the shell

    /// The hash agrees and the chunk is written.
    case chunkVerified(ChunkTicket)
    /// The hash is wrong.
    case chunkRejected(ChunkTicket)
    /// The hash agrees, but the chunk could not be written. The version pauses for `Limits.writeFailurePause`.
    case chunkWriteFailed(ChunkTicket)
    /// The answer to `.recheck`.
    case chunkRechecked(Digest, ChunkIndex, RecheckVerdict)

    // MARK: Neighbours

    /// HELLO was exchanged, and the shell has sent its documents, MODELS, PEERS and LEVELLED: what the core sends next
    /// may follow. Of two connections to one node the shell has closed one, with `neighbourLost` if it was known here.
    case neighbourConnected(Introduction)
    /// The connection ended, by whatever end but a `.disconnect` of the core.
    case neighbourLost(NodeID)
    /// The same, and the reason was that it has no room (GOODBYE `busy`). The addresses that it told come before.
    case neighbourFull(NodeID)
    /// The codec, the documents or TLS found an error: sets the node aside where the table says so,
    /// and disconnects it if it is connected.
    case neighbourMisbehaved(NodeID, GoodbyeCode)
    /// The PONG of a PING came after this long.
    case roundTripMeasured(NodeID, Duration)
    /// Any frame came that is not reported in another way. (It tells a silent connection from a slow one.)
    case heard(NodeID)
    /// The node was denied: it is disconnected, and neither dialled nor accepted.
    case nodeDenied(NodeID)
    /// The denial was lifted.
    case nodeAllowed(NodeID)

    // MARK: Frames

    /// A frame other than DATA.
    case received(Message, from: NodeID)
    /// Payload of one DATA frame, or of several of one request that follow each other.
    case dataReceived(DataSpan)

    // MARK: Uploads

    /// More payload was handed to the connection. An upload of which nothing is told for a quarter of a second counts
    /// as stuck, and others go ahead.
    case uploadProgressed(UploadID, byteCount: Int)
    /// All payload was handed to the connection.
    case uploadFinished(UploadID)
    /// The chunk could not be read. The core refuses the request, and asks for a recheck.
    case uploadFailed(UploadID)

    /// The shell holds what comes to so many bytes a second, nil for no limit: less is asked for at once, so that
    /// little waits in the sockets. What the links did before, up or down, is no measure any more.
    case limitsChanged(downloadBytesPerSecond: Double?)

    // MARK: Addresses and time

    /// The configuration names this many peers. They are numbered from 0; their host names stay in the shell.
    case peersConfigured(count: Int)
    /// A `.dial` did not lead to `neighbourConnected`.
    case dialFailed(DialTarget, DialFailure)
    /// The time of the last `.wakeAt` has come. Too early does no harm.
    case timePassed
}

/// A version, its chunks, and what this agent does with it.
public struct VersionPlan: Equatable, Sendable {
    /// The manifest's digest.
    public let version: Digest
    /// The version's model; nodes that follow it are preferred as neighbours.
    public let model: ModelName
    /// The length of each chunk, in the order of the layout's table.
    public let chunkByteCounts: [UInt32]
    /// Verified chunks that are here.
    public let held: ChunkSet
    /// Chunks that are to be here: all, or those of the wanted variants and files.
    public let needed: ChunkSet
    /// Whether the agent directs the first copy of the version through the swarm.
    public let seeding: Seeding

    /// - Precondition: both sets have one place for each chunk.
    public init(
        version: Digest, model: ModelName, chunkByteCounts: [UInt32], held: ChunkSet, needed: ChunkSet,
        seeding: Seeding = .ordinary
    ) {
        precondition(held.capacity == chunkByteCounts.count, "\(held.capacity) places for held chunks")
        precondition(needed.capacity == chunkByteCounts.count, "\(needed.capacity) places for needed chunks")
        self.version = version
        self.model = model
        self.chunkByteCounts = chunkByteCounts
        self.held = held
        self.needed = needed
        self.seeding = seeding
    }

    /// How a complete holder behaves.
    public enum Seeding: Hashable, Sendable {
        /// It announces what it has.
        case ordinary
        /// The version was published here and nobody else has it yet: the agent offers each chunk to one neighbour only
        /// until a whole copy is out, whatever a later plan of the version says.
        case directing
    }
}

/// Why a version is removed.
public enum Departure: Hashable, Sendable {
    /// It was deleted or is no longer wanted.
    case unwanted
    /// An operator denied it.
    case denied
}

/// One request for one chunk, from the asker's side: what is verified, and who is to blame.
public struct ChunkTicket: Hashable, Sendable {
    /// The manifest's digest.
    public let version: Digest
    /// The chunk that was asked for.
    public let chunk: ChunkIndex
    /// The neighbour that was asked. It alone sent all bytes.
    public let source: NodeID
    /// The request's number on that connection. The shell's buffer is named by (source, request).
    public let request: RequestID

    /// Takes the fields as they are.
    public init(version: Digest, chunk: ChunkIndex, source: NodeID, request: RequestID) {
        self.version = version
        self.chunk = chunk
        self.source = source
        self.request = request
    }
}

/// What re-hashing a held chunk showed.
public enum RecheckVerdict: Hashable, Sendable {
    case intact
    case damaged
}

/// One request from the source's side.
public struct UploadID: Hashable, Sendable {
    /// Who asked.
    public let neighbour: NodeID
    /// The number that the neighbour chose.
    public let request: RequestID

    /// Takes the fields as they are.
    public init(neighbour: NodeID, request: RequestID) {
        self.neighbour = neighbour
        self.request = request
    }
}

/// Where payload of a DATA frame lies. The bytes themselves stay in the shell.
public struct DataSpan: Hashable, Sendable {
    /// Who sent it.
    public let neighbour: NodeID
    /// The request that it answers.
    public let request: RequestID
    /// Bytes from the chunk's start.
    public let offset: Int
    /// Bytes of payload.
    public let byteCount: Int

    /// Takes the fields as they are.
    public init(neighbour: NodeID, request: RequestID, offset: Int, byteCount: Int) {
        self.neighbour = neighbour
        self.request = request
        self.offset = offset
        self.byteCount = byteCount
    }
}

/// What is known of a node once HELLO came.
public struct Introduction: Equatable, Sendable {
    /// The id in its certificate.
    public let node: NodeID
    /// HELLO's labels; `host`, `rack`, `zone` and `region` say how near it is.
    public let labels: [String: String]
    /// HELLO's addresses; empty if it listens on all of its own.
    public let addresses: [IPAddress]
    /// The port it listens on; 0 for none.
    public let listeningPort: UInt16
    /// Where the connection comes from or goes to.
    public let remoteAddress: IPAddress
    /// Whether it issues certificates.
    public let issuesCertificates: Bool
    /// Which `.dial` led to this connection; nil if the node dialled.
    public let dialled: DialTarget?

    /// Takes the fields as they are.
    public init(
        node: NodeID, labels: [String: String] = [:], addresses: [IPAddress] = [], listeningPort: UInt16 = 0,
        remoteAddress: IPAddress, issuesCertificates: Bool = false, dialled: DialTarget? = nil
    ) {
        self.node = node
        self.labels = labels
        self.addresses = addresses
        self.listeningPort = listeningPort
        self.remoteAddress = remoteAddress
        self.issuesCertificates = issuesCertificates
        self.dialled = dialled
    }
}

/// What to connect to.
public enum DialTarget: Hashable, Sendable {
    /// A configured peer, by its place in the configuration. Whoever has a valid certificate may answer.
    case peer(Int)
    /// An address that a neighbour told; this node must answer.
    case node(NodeID, Endpoint)
}

/// Why dialling led to no neighbour.
public enum DialFailure: Hashable, Sendable {
    /// No address, no answer, no TLS.
    case unreachable
    /// Another node answered than the one expected: the address is forgotten.
    case wrongNode
    /// This agent itself answered: the address is forgotten.
    case itself
    /// The node is a neighbour already.
    case duplicate(NodeID)
    /// The node has too many connections: try again after 10 s.
    case busy
    /// The node that answered is set aside or denied here.
    case unwelcome(NodeID)
}
