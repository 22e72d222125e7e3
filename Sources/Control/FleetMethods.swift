/// `nodes`: what the nodes of the cluster say of themselves.
public struct ListNodes: ControlMethod {
    /// What comes back.
    public typealias Reply = NodeList
    /// Its name on the wire.
    public static let method = "nodes"

    /// All of them.
    public init() {}
}

/// What `shoal nodes --json` prints.
public struct NodeList: Codable, Sendable {
    /// Name and version of this shape.
    public var schema = "shoal.nodes/1"
    /// By name.
    public var nodes: [NodeRow]

    /// The order of the rows is the caller's.
    public init(nodes: [NodeRow]) { self.nodes = nodes }
}

/// One node, by its own word.
public struct NodeRow: Codable, Sendable {
    /// The node's id in hexadecimal.
    public var id: String
    /// What its certificate calls it.
    public var name: String
    /// What its configuration says of where it stands.
    public var labels: [String: String]
    /// Program and version.
    public var software: String
    /// `running`, `clock-wrong`, `read-only` or `full` by its own word; `silent` if it has not reported for long,
    /// `gone` if its connection to the node that was asked has ended.
    public var state: String
    /// How long ago it said so.
    public var ageSeconds: Double
    /// Chunks received, in bytes a second.
    public var receivedBytesPerSecond: UInt64
    /// Chunks sent.
    public var sentBytesPerSecond: UInt64
    /// One for each channel that it follows.
    public var models: [NodeModel]

    /// For the agent, which heard it.
    public init(
        id: String, name: String, labels: [String: String], software: String, state: String, ageSeconds: Double,
        receivedBytesPerSecond: UInt64, sentBytesPerSecond: UInt64, models: [NodeModel]
    ) {
        self.id = id
        self.name = name
        self.labels = labels
        self.software = software
        self.state = state
        self.ageSeconds = ageSeconds
        self.receivedBytesPerSecond = receivedBytesPerSecond
        self.sentBytesPerSecond = sentBytesPerSecond
        self.models = models
    }
}

/// A version as a row shows it: its digest in hexadecimal, and its tag where this node knows it. Empty for none.
public struct VersionLabel: Codable, Sendable, Hashable {
    /// The manifest digest; empty for no version.
    public var digest: String
    /// Empty where not known.
    public var tag: String

    /// A version.
    public init(digest: String, tag: String) {
        self.digest = digest
        self.tag = tag
    }

    /// No version.
    public static let none = VersionLabel(digest: "", tag: "")

    /// For people: the tag, else the digest's beginning; `-` for none.
    public var text: String { tag.isEmpty ? (digest.isEmpty ? "-" : String(digest.prefix(8))) : tag }
}

/// What a node says of one channel.
public struct NodeModel: Codable, Sendable {
    /// The model's name.
    public var model: String
    /// The channel that it follows.
    public var channel: String
    /// `waiting`, `fetching`, `ready`, `loading`, `checking`, `trial`, `serving` or `failed`: where `wanted` stands.
    public var state: String
    /// The share of `wanted` that is there, 0 to 1.
    public var fetched: Double
    /// What it should run.
    public var wanted: VersionLabel
    /// What it serves, as observed there.
    public var served: VersionLabel
    /// What it set aside last.
    public var failed: VersionLabel
    /// Why.
    public var reason: String

    /// For the agent, which heard it.
    public init(
        model: String, channel: String, state: String, fetched: Double, wanted: VersionLabel, served: VersionLabel,
        failed: VersionLabel, reason: String
    ) {
        self.model = model
        self.channel = channel
        self.state = state
        self.fetched = fetched
        self.wanted = wanted
        self.served = served
        self.failed = failed
        self.reason = reason
    }
}

/// `forget-node`: leave a node out that will not come back, until it reports again.
public struct ForgetNode: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "forget-node"
    /// A name, or an id or its beginning.
    public let node: String

    /// The agent finds out which node is meant.
    public init(node: String) { self.node = node }
}

/// `history`: which version served where and when.
public struct GetHistory: ControlMethod {
    /// Its name on the wire.
    public static let method = "history"
    /// The model's name.
    public let model: String

    /// One change of what a node serves.
    public struct Change: Codable, Sendable {
        /// When the node that was asked heard of it; RFC 3339 in UTC.
        public let at: String
        /// Id and name of the node that switched.
        public let node: String
        /// See above.
        public let name: String
        /// The channel that it follows.
        public let channel: String
        /// What it served before.
        public let before: VersionLabel
        /// What it serves since.
        public let served: VersionLabel
        /// Why it set a version aside, if it did; else empty.
        public let reason: String

        /// For the agent, from its journal.
        public init(
            at: String, node: String, name: String, channel: String, before: VersionLabel, served: VersionLabel,
            reason: String
        ) {
            self.at = at
            self.node = node
            self.name = name
            self.channel = channel
            self.before = before
            self.served = served
            self.reason = reason
        }
    }

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// Name and version of this shape.
        public var schema = "shoal.history/1"
        /// The model's name.
        public let model: String
        /// The oldest first.
        public let changes: [Change]

        /// For the agent.
        public init(model: String, changes: [Change]) {
            self.model = model
            self.changes = changes
        }
    }

    /// The name is checked by the agent.
    public init(model: String) { self.model = model }
}

/// `rollout`: a channel's head and its followers, as this agent knows them; for whoever moves a rollout.
public struct GetRollout: ControlMethod {
    /// Its name on the wire.
    public static let method = "rollout"
    /// The model's name.
    public let model: String
    /// The channel.
    public let channel: String

    /// A follower.
    public struct Member: Codable, Sendable {
        /// The node's id in hexadecimal.
        public let id: String
        /// What its certificate calls it.
        public let name: String
        /// Where it stands.
        public let labels: [String: String]
        /// Whether it has reported lately.
        public let reporting: Bool
        /// What it serves: a digest in hexadecimal; empty for nothing.
        public let served: String
        /// Whether the trial of that is over.
        public let proven: Bool
        /// What it set aside last.
        public let failed: String
        /// Why.
        public let reason: String

        /// For the agent.
        public init(
            id: String, name: String, labels: [String: String], reporting: Bool, served: String, proven: Bool,
            failed: String, reason: String
        ) {
            self.id = id
            self.name = name
            self.labels = labels
            self.reporting = reporting
            self.served = served
            self.proven = proven
            self.failed = failed
            self.reason = reason
        }
    }

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// Envelope of the channel's newest head, in hexadecimal; empty if there is none.
        public let head: String
        /// Whether the channel is halted.
        public let halted: Bool
        /// Tags of the versions that the head names, by digest in hexadecimal.
        public let tags: [String: String]
        /// In the order of their names.
        public let members: [Member]

        /// For the agent.
        public init(head: String, halted: Bool, tags: [String: String], members: [Member]) {
            self.head = head
            self.halted = halted
            self.tags = tags
            self.members = members
        }
    }

    /// The names are checked by the agent.
    public init(model: String, channel: String) {
        self.model = model
        self.channel = channel
    }
}
