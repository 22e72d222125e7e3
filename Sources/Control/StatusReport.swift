/// What `shoal status --json` prints. Counts are integers, 0 where unknown.
public struct StatusReport: Codable, Sendable {
    public var schema = "shoal.status/1"
    public var node: NodeStatus
    public var neighbours: [NeighbourStatus]
    public var models: [ModelStatus]

    public init(node: NodeStatus, neighbours: [NeighbourStatus], models: [ModelStatus]) {
        self.node = node
        self.neighbours = neighbours
        self.models = models
    }
}

/// This node.
public struct NodeStatus: Codable, Sendable {
    public var id: String
    public var name: String
    public var cluster: String
    public var labels: [String: String]
    public var listen: String
    public var software: String
    public var startedAt: String
    /// `running`, `clock-wrong`, `read-only` or `full`.
    public var state: String
    public var certificateExpires: String
    /// Whether this node gives certificates.
    public var issuer: Bool

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
    public var id: String
    public var name: String
    public var address: String
    /// `connecting`, `connected`, `busy`, `set-aside` or `gone`.
    public var state: String
    /// Why it is not simply connected; else empty.
    public var reason: String
    public var roundTripMs: Int64
    /// Chunk payload since the agent started.
    public var receivedBytes: Int64
    public var sentBytes: Int64

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
        public var neighbour: Int64
        public var origin: Int64
        public var local: Int64

        public init(neighbour: Int64, origin: Int64, local: Int64) {
            self.neighbour = neighbour
            self.origin = origin
            self.local = local
        }
    }

    /// What the inference process says that it serves.
    public struct Serving: Codable, Sendable {
        public var version: String
        public var tag: String
        public var since: String

        public init(version: String, tag: String, since: String) {
            self.version = version
            self.tag = tag
            self.since = since
        }
    }

    public var model: String
    public var version: String
    public var tag: String
    public var channel: String
    public var variant: String
    public var bytesTotal: Int64
    public var bytesVerified: Int64
    public var wastedBytes: Int64
    /// The followed head has expired.
    public var stale: Bool
    /// Why it is not where it should be; else empty.
    public var error: String
    /// `waiting`, `fetching`, `verifying`, `committing`, `ready`, `loading`, `serving` or `failed`.
    public var state: String
    /// Whether `current` names it.
    public var current: Bool
    public var receivedBytes: Received
    public var serving: Serving?

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
    }

    enum CodingKeys: String, CodingKey {
        case model, version, tag, channel, variant, bytesTotal, bytesVerified, wastedBytes, stale, error, state, current
        case receivedBytes, serving
    }

    /// Writes `serving` as null where there is none, since the key is promised.
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
    }
}
