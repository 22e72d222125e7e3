/// What `shoal status --json` prints. Counts are integers, 0 where unknown.
public struct StatusReport: Codable, Sendable {
    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.status/1"
    /// The node that was asked.
    public var node: NodeStatus
    /// Those of now, and those that left since the agent started.
    public var neighbours: [NeighbourStatus]
    /// One row for each (model, version).
    public var models: [ModelStatus]
    /// One row for each version that is being fetched.
    public var fetches: [FetchStatus]
    /// The last fetches that were completed since the agent started, newest first; at most 32.
    public var recentFetches: [FetchStatus]

    /// The order of the rows is the caller's.
    public init(
        node: NodeStatus, neighbours: [NeighbourStatus], models: [ModelStatus], fetches: [FetchStatus] = [],
        recentFetches: [FetchStatus] = []
    ) {
        self.node = node
        self.neighbours = neighbours
        self.models = models
        self.fetches = fetches
        self.recentFetches = recentFetches
    }
}

/// This node.
public struct NodeStatus: Codable, Sendable {
    /// The node's id in hexadecimal.
    public var id: String
    /// What its certificate calls it.
    public var name: String
    /// The cluster's id in hexadecimal.
    public var cluster: String
    /// What the configuration says of where it stands.
    public var labels: [String: String]
    /// Address and port on which neighbours reach it.
    public var listen: String
    /// Program and version.
    public var software: String
    /// When the agent started, as RFC 3339 in UTC.
    public var startedAt: String
    /// `running`, `clock-wrong`, `read-only` or `full`.
    public var state: String
    /// As RFC 3339 in UTC; it is renewed well before.
    public var certificateExpires: String
    /// Whether this node gives certificates.
    public var issuer: Bool

    /// For the agent, which knows all of it.
    public init(
        id: String, name: String, cluster: String, labels: [String: String], listen: String, software: String,
        startedAt: String, state: String, certificateExpires: String, issuer: Bool
    ) {
        self.id = id
        self.name = name
        self.cluster = cluster
        self.labels = labels
        self.listen = listen
        self.software = software
        self.startedAt = startedAt
        self.state = state
        self.certificateExpires = certificateExpires
        self.issuer = issuer
    }
}

/// A node that this one is, was or tries to be connected to.
public struct NeighbourStatus: Codable, Sendable {
    /// The node's id in hexadecimal; empty until its certificate has been seen.
    public var id: String
    /// What its certificate calls it; empty until that has been seen.
    public var name: String
    /// Where it is reached or was last seen.
    public var address: String
    /// `connecting`, `connected`, `busy`, `set-aside` or `gone`.
    public var state: String
    /// Why it is not simply connected; else empty.
    public var reason: String
    /// The measured delay there and back, in milliseconds.
    public var roundTripMs: Int64
    /// Chunk payload since the agent started.
    public var receivedBytes: Int64
    /// Chunk payload since the agent started.
    public var sentBytes: Int64

    /// For the agent, which knows all of it.
    public init(
        id: String, name: String, address: String, state: String, reason: String, roundTripMs: Int64,
        receivedBytes: Int64, sentBytes: Int64
    ) {
        self.id = id
        self.name = name
        self.address = address
        self.state = state
        self.reason = reason
        self.roundTripMs = roundTripMs
        self.receivedBytes = receivedBytes
        self.sentBytes = sentBytes
    }
}

/// One version of a model, or one followed model of which nothing is known yet.
public struct ModelStatus: Codable, Sendable {
    /// Where a version's bytes came from: chunk payload, kept across restarts.
    public struct Received: Codable, Sendable {
        /// From other agents.
        public var neighbour: Int64
        /// From outside the cluster.
        public var origin: Int64
        /// From other versions on this node, or from the folder that was published.
        public var local: Int64

        /// In bytes of chunks.
        public init(neighbour: Int64, origin: Int64, local: Int64) {
            self.neighbour = neighbour
            self.origin = origin
            self.local = local
        }
    }

    /// What the inference process says that it serves.
    public struct Serving: Codable, Sendable {
        /// Digest of the manifest, in hexadecimal.
        public var version: String
        /// Its name for people.
        public var tag: String
        /// As RFC 3339 in UTC.
        public var since: String

        /// From what the process said last.
        public init(version: String, tag: String, since: String) {
            self.version = version
            self.tag = tag
            self.since = since
        }
    }

    /// The model's name.
    public var model: String
    /// Digest of the manifest in hexadecimal; empty while no version is known.
    public var version: String
    /// The version's name for people; empty while its manifest is not here.
    public var tag: String
    /// The followed channel that names it; empty if none does.
    public var channel: String
    /// The variant that this node takes.
    public var variant: String
    /// Size of the variant's files.
    public var bytesTotal: Int64
    /// How much of them is here and has the right hash.
    public var bytesVerified: Int64
    /// Chunk payload that came twice or was wrong.
    public var wastedBytes: Int64
    /// The followed head has expired.
    public var stale: Bool
    /// Why it is not where it should be; else empty.
    public var error: String
    /// `waiting`, `fetching`, `verifying`, `committing`, `ready`, `loading`, `serving` or `failed`.
    public var state: String
    /// Whether `current` names it.
    public var current: Bool
    /// Where its bytes came from.
    public var receivedBytes: Received
    /// Nil while no inference process serves it; written as null then.
    public var serving: Serving?
    /// Nil if no neighbour wants more of it; written as null then.
    public var slowestNeighbour: SlowestNeighbour?

    /// A row with every count at 0, to be filled in.
    public init(
        model: String, version: String = "", tag: String = "", channel: String = "", variant: String = "",
        state: String = "waiting"
    ) {
        self.model = model
        self.version = version
        self.tag = tag
        self.channel = channel
        self.variant = variant
        self.state = state
        bytesTotal = 0
        bytesVerified = 0
        wastedBytes = 0
        stale = false
        error = ""
        current = false
        receivedBytes = Received(neighbour: 0, origin: 0, local: 0)
        serving = nil
        slowestNeighbour = nil
    }

    enum CodingKeys: String, CodingKey {
        case model, version, tag, channel, variant, bytesTotal, bytesVerified, wastedBytes, stale, error, state, current
        case receivedBytes, serving, slowestNeighbour
    }

    /// Writes null where nobody serves it or is behind, since the keys are promised.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(model, forKey: .model)
        try container.encode(version, forKey: .version)
        try container.encode(tag, forKey: .tag)
        try container.encode(channel, forKey: .channel)
        try container.encode(variant, forKey: .variant)
        try container.encode(bytesTotal, forKey: .bytesTotal)
        try container.encode(bytesVerified, forKey: .bytesVerified)
        try container.encode(wastedBytes, forKey: .wastedBytes)
        try container.encode(stale, forKey: .stale)
        try container.encode(error, forKey: .error)
        try container.encode(state, forKey: .state)
        try container.encode(current, forKey: .current)
        try container.encode(receivedBytes, forKey: .receivedBytes)
        try container.encode(serving, forKey: .serving)
        try container.encode(slowestNeighbour, forKey: .slowestNeighbour)
    }
}
