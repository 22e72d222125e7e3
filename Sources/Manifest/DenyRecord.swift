public import Units

/// What a deny record is about.
public enum DenySubject: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// A node: it is cut off and gets no certificate.
    case node(NodeID)
    /// A version: it is neither announced, asked for, sent nor switched to.
    case version(ModelName, Digest)
    /// A channel: its heads are not acted on.
    case channel(ModelChannel)

    /// Which keys may sign about it.
    public var scope: RootKey.Scope {
        switch self {
        case .node: .everyModel
        case .version(let model, _): .model(model)
        case .channel(let channel): .model(channel.model)
        }
    }

    /// For people.
    public var description: String {
        switch self {
        case .node(let node): "node \(node)"
        case .version(let model, let digest): "version \(model)@\(digest)"
        case .channel(let channel): "channel \(channel)"
        }
    }
}

/// The signed record that shuts out a node, a version or a channel, or takes that back.
public struct DenyRecord: DocumentBody {
    /// The kind that the envelope names.
    public static let kind = DocumentKind.deny

    /// What a record says of its subject.
    public enum State: UInt8, Hashable, Sendable {
        /// Shut out.
        case denied = 1
        /// Allowed again.
        case lifted = 2
    }

    /// The cluster for which it was signed.
    public let cluster: ClusterID
    /// The root under which it was signed.
    public let rootVersion: UInt32
    /// What it is about.
    public let subject: DenySubject
    /// What it says.
    public let state: State
    /// Its place in the subject's order.
    public let rank: Rank
    /// When it was signed.
    public let issued: WallTime

    /// A record for an operator.
    /// - Throws: a DocumentError that names the field which breaks a rule.
    public init(
        cluster: ClusterID, rootVersion: UInt32, subject: DenySubject, state: State, rank: Rank, issued: WallTime
    ) throws(DocumentError) {
        self.cluster = cluster
        self.rootVersion = rootVersion
        self.subject = subject
        self.state = state
        self.rank = rank
        self.issued = issued
        try validate()
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8], sha256: SHA256Function) throws(DocumentError) { try self.init(body: body) }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8]) throws(DocumentError) {
        var reader = DocumentReader(body, document: "deny")
        try reader.format()
        cluster = try reader.identifier(ClusterID.self, "cluster id")
        rootVersion = try reader.u32("root version")
        switch try reader.u8("subject kind") {
        case 1: subject = .node(try reader.identifier(NodeID.self, "node id"))
        case 2:
            let model = try reader.name(ModelName.self, "model")
            subject = .version(model, try reader.identifier(Digest.self, "version"))
        case 3: subject = .channel(try reader.channel())
        default: throw reader.error(.invalid, "subject kind")
        }
        guard let state = State(rawValue: try reader.u8("state")) else { throw reader.error(.invalid, "state") }
        self.state = state
        rank = Rank(epoch: try reader.u32("epoch"), counter: try reader.u64("counter"))
        issued = try reader.time("issued")
        try reader.requireEnd()
        try validate()
    }

    private func validate() throws(DocumentError) {
        func fail(_ field: String) -> DocumentError { DocumentError(.outOfRange, document: "deny", field: field) }
        guard rootVersion >= 1 else { throw fail("root version") }
        guard rank.epoch >= 1 else { throw fail("epoch") }
        guard rank.counter >= 1 else { throw fail("counter") }
        guard isAllowed(issued) else { throw fail("issued") }
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 256)
        writer.integer(1 as UInt16)
        writer.identifier(cluster)
        writer.integer(rootVersion)
        switch subject {
        case .node(let node):
            writer.integer(1 as UInt8)
            writer.identifier(node)
        case .version(let model, let digest):
            writer.integer(2 as UInt8)
            writer.name(model)
            writer.identifier(digest)
        case .channel(let channel):
            writer.integer(3 as UInt8)
            writer.name(channel.model)
            writer.name(channel.channel)
        }
        writer.integer(state.rawValue)
        writer.integer(rank.epoch)
        writer.integer(rank.counter)
        writer.time(issued)
        return writer.bytes
    }
}
