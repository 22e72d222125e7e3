public import Units

/// Which version a channel names now.
///
/// Every value keeps the rules of `documents.md`, section 6.
public struct Head: DocumentBody {
    /// The kind that the envelope names.
    public static let kind = DocumentKind.head

    /// The cluster for which it was signed.
    public let cluster: ClusterID
    /// The root under which it was signed.
    public let rootVersion: UInt32
    /// The model and the channel that it moves.
    public let channel: ModelChannel
    /// Its place in the channel's order; the counter is 1 or more.
    public let rank: Rank
    /// The digest of a manifest of the model.
    public let version: Digest
    /// When it was signed.
    public let issued: WallTime
    /// After this it is still followed, and shows as stale.
    public let expires: WallTime
    /// How it reaches the nodes.
    public let rollout: RolloutPlan

    /// A head for a publisher.
    /// - Throws: a DocumentError that names the field which breaks a rule.
    public init(
        cluster: ClusterID, rootVersion: UInt32, channel: ModelChannel, rank: Rank, version: Digest, issued: WallTime,
        expires: WallTime, rollout: RolloutPlan = .none
    ) throws(DocumentError) {
        self.cluster = cluster
        self.rootVersion = rootVersion
        self.channel = channel
        self.rank = rank
        self.version = version
        self.issued = issued
        self.expires = expires
        self.rollout = rollout
        try validate()
    }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8], sha256: SHA256Function) throws(DocumentError) { try self.init(body: body) }

    /// Reads the canonical encoding and nothing else.
    public init(body: [UInt8]) throws(DocumentError) {
        var reader = DocumentReader(body, document: "head")
        try reader.format()
        cluster = try reader.identifier(ClusterID.self, "cluster id")
        rootVersion = try reader.u32("root version")
        channel = try reader.channel()
        rank = Rank(epoch: try reader.u32("epoch"), counter: try reader.u64("counter"))
        version = try reader.identifier(Digest.self, "version")
        issued = try reader.time("issued")
        expires = try reader.time("expires")
        rollout = try RolloutPlan(from: &reader)
        try reader.requireEnd()
        try validate()
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var writer = ByteWriter(reserving: 512)
        writer.integer(1 as UInt16)
        writer.identifier(cluster)
        writer.integer(rootVersion)
        writer.name(channel.model)
        writer.name(channel.channel)
        writer.integer(rank.epoch)
        writer.integer(rank.counter)
        writer.identifier(version)
        writer.time(issued)
        writer.time(expires)
        rollout.encode(to: &writer)
        return writer.bytes
    }

    /// True after its last second: it is still followed, and shows as stale.
    public func isStale(at now: WallTime) -> Bool { now > expires }
}

extension Head {
    private func validate() throws(DocumentError) {
        func fail(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
            DocumentError(code, document: "head", field: field, detail: detail)
        }
        guard rootVersion >= 1 else { throw fail(.outOfRange, "root version") }
        guard rank.epoch >= 1 else { throw fail(.outOfRange, "epoch") }
        guard rank.counter >= 1 else { throw fail(.outOfRange, "counter") }
        guard isAllowed(issued) else { throw fail(.outOfRange, "issued") }
        guard isAllowed(expires), expires > issued else { throw fail(.invalid, "expires", "not after issued") }
        try rollout.validate()
    }
}

extension DocumentReader {
    /// A model and a channel, as heads and deny records name them.
    mutating func channel() throws(DocumentError) -> ModelChannel {
        let model = try name(ModelName.self, "model")
        return ModelChannel(
            model: model, channel: try name(ChannelName.self, atMost: Limits.namePartByteCountMax, "channel"))
    }
}
