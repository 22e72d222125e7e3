/// `publish`: what the agent knows of a model and a tag, before `seed` cuts and signs.
public struct PreparePublication: ControlMethod {
    /// Its name on the wire.
    public static let method = "publish"
    /// The model's name.
    public let model: String
    /// What the version shall be called.
    public let tag: String
    /// The version that it came from, a tag or a digest; nil for what the channel names.
    public let parent: String?
    /// The channel that the version is for; nil for stable.
    public let channel: String?

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// The cluster's id in hexadecimal, which names the folder of the keys.
        public let cluster: String
        /// Envelope, in hexadecimal, of the newest root, for the choice of a key.
        public let root: String
        /// One more than the highest that this agent knows of the model.
        public let nextPublishNumber: UInt64
        /// Envelope, in hexadecimal, of the manifest that bears the tag already; empty if there is none.
        public let manifest: String
        /// Whether that version is complete on this node.
        public let local: Bool
        /// Digest of the parent's manifest, in hexadecimal; empty if there is none.
        public let parent: String
        /// Envelope of the parent's manifest, in hexadecimal; empty if there is none.
        public let parentManifest: String

        /// For the agent, from its documents.
        public init(
            cluster: String, root: String, nextPublishNumber: UInt64, manifest: String, local: Bool, parent: String,
            parentManifest: String
        ) {
            self.cluster = cluster
            self.root = root
            self.nextPublishNumber = nextPublishNumber
            self.manifest = manifest
            self.local = local
            self.parent = parent
            self.parentManifest = parentManifest
        }
    }

    /// The names are checked by the agent.
    public init(model: String, tag: String, parent: String? = nil, channel: String? = nil) {
        self.model = model
        self.tag = tag
        self.parent = parent
        self.channel = channel
    }
}

/// `adopt`: take over a staged publication. The reply comes once the version is durable here.
public struct AdoptPublication: ControlMethod {
    /// What comes back.
    public typealias Reply = FetchedVersion
    /// Its name on the wire.
    public static let method = "adopt"
    /// Name of the folder below `staging/` that `seed` filled; the layout lies in it.
    public let staging: String
    /// Envelope of the manifest, in hexadecimal.
    public let manifest: String

    /// The agent judges the manifest like one that a neighbour sent.
    public init(staging: String, manifest: String) {
        self.staging = staging
        self.manifest = manifest
    }
}

/// `draft-head`: what the next head of a channel must hold. The agent asks its neighbours for the newest one first.
public struct DraftHead: ControlMethod {
    /// Its name on the wire.
    public static let method = "draft-head"
    /// The model's name.
    public let model: String
    /// A tag or a digest.
    public let version: String
    /// The channel to move.
    public let channel: String

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// The cluster's id in hexadecimal.
        public let cluster: String
        /// Envelope of the newest root, in hexadecimal.
        public let root: String
        /// Version of that root.
        public let rootVersion: UInt32
        /// Epoch of the root, for the head's rank.
        public let epoch: UInt32
        /// One more than that of the newest head in this epoch.
        public let counter: UInt64
        /// Digest of the manifest that is meant, in hexadecimal.
        public let version: String
        /// Its name for people.
        public let tag: String
        /// True if the channel names this version already and the head is good for more than half its life.
        public let alreadyThere: Bool
        /// Envelope of the channel's newest head, in hexadecimal; empty if there is none.
        public let head: String
        /// Whether the channel is halted.
        public let halted: Bool

        /// For the agent, from its documents.
        public init(
            cluster: String, root: String, rootVersion: UInt32, epoch: UInt32, counter: UInt64, version: String,
            tag: String, alreadyThere: Bool, head: String, halted: Bool
        ) {
            self.cluster = cluster
            self.root = root
            self.rootVersion = rootVersion
            self.epoch = epoch
            self.counter = counter
            self.version = version
            self.tag = tag
            self.alreadyThere = alreadyThere
            self.head = head
            self.halted = halted
        }
    }

    /// The names are checked by the agent.
    public init(model: String, version: String, channel: String) {
        self.model = model
        self.version = version
        self.channel = channel
    }
}

/// `draft-deny`: what the next deny record of a subject must hold.
public struct DraftDeny: ControlMethod {
    /// Its name on the wire.
    public static let method = "draft-deny"
    /// A node's name or id; empty for a version or a channel.
    public let node: String
    /// The model of a version or a channel.
    public let model: String
    /// A tag, or eight or more digits of a digest; empty for a channel.
    public let version: String
    /// A channel, which is halted so; nil for none.
    public let channel: String?

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// The cluster's id in hexadecimal.
        public let cluster: String
        /// Envelope of the newest root, in hexadecimal.
        public let root: String
        /// Version of that root.
        public let rootVersion: UInt32
        /// Epoch of the root, for the record's rank.
        public let epoch: UInt32
        /// One more than that of the subject's newest record in this epoch.
        public let counter: UInt64
        /// Node id or version digest, in hexadecimal; or `MODEL:CHANNEL`.
        public let subject: String
        /// Whether the subject is denied now.
        public let denied: Bool

        /// For the agent, from its documents.
        public init(
            cluster: String, root: String, rootVersion: UInt32, epoch: UInt32, counter: UInt64, subject: String,
            denied: Bool
        ) {
            self.cluster = cluster
            self.root = root
            self.rootVersion = rootVersion
            self.epoch = epoch
            self.counter = counter
            self.subject = subject
            self.denied = denied
        }
    }

    /// Give a node, or a model and a version, or a model and a channel, and leave the others empty.
    public init(node: String = "", model: String = "", version: String = "", channel: String? = nil) {
        self.node = node
        self.model = model
        self.version = version
        self.channel = channel
    }
}

/// `submit`: a signed head or deny record, to be judged, kept and passed on.
public struct SubmitDocument: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "submit"
    /// The envelope, in hexadecimal.
    public let document: String

    /// Whose document it is, the agent sees from its signatures.
    public init(document: String) { self.document = document }
}
