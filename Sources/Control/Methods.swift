/// `status`: this node and its neighbours.
public struct GetStatus: ControlMethod {
    /// What comes back.
    public typealias Reply = StatusReport
    /// Its name on the wire.
    public static let method = "status"
    /// It has no parameters.
    public init() {}
}

/// `get`: fetch a version; the reply comes once it is complete, or at once with `wait` off.
public struct GetVersion: ControlMethod {
    /// What comes back.
    public typealias Reply = FetchedVersion
    /// Its name on the wire.
    public static let method = "get"
    /// The model.
    public let model: String
    /// A tag, or eight or more digits of a digest; nothing for what a channel names.
    public let version: String?
    /// A channel, if the version is given by one; without either it is stable.
    public let channel: String?
    /// Seconds to keep asking when nobody knows the version; nothing: give up when all neighbours have said no.
    public let waitSeconds: Int?
    /// Whether the reply waits for the complete version.
    public let wait: Bool
    /// Folders on the agent's machine from which bytes may be taken, by absolute path.
    public let reuseFrom: [String]?

    /// The names are checked by the agent; give `version` or `channel` or neither.
    public init(
        model: String, version: String?, channel: String?, waitSeconds: Int?, wait: Bool, reuseFrom: [String]? = nil
    ) {
        self.reuseFrom = reuseFrom
        self.model = model
        self.version = version
        self.channel = channel
        self.waitSeconds = waitSeconds
        self.wait = wait
    }
}

/// What `get` found.
public struct FetchedVersion: Codable, Sendable {
    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.get/1"
    /// The model's name.
    public let model: String
    /// Digest of the manifest, in hexadecimal.
    public let version: String
    /// The version's name for people.
    public let tag: String
    /// Which variant this node takes.
    public let variant: String
    /// The folder of the version; empty while it is not complete.
    public var path: String
    /// Size of the variant's files; 0 until the manifest is known.
    public let bytes: Int64
    /// Whether it is durable on this node.
    public let complete: Bool

    /// For the agent, which knows all of it.
    public init(
        model: String, version: String, tag: String, variant: String, path: String, bytes: Int64, complete: Bool
    ) {
        self.model = model
        self.version = version
        self.tag = tag
        self.variant = variant
        self.path = path
        self.bytes = bytes
        self.complete = complete
    }
}

/// `follow` and `unfollow`.
public struct SetFollow: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "follow"
    /// A model's name; it need not exist yet.
    public let model: String
    /// One channel of it.
    public let channel: String
    /// False to stop following.
    public let follow: Bool

    /// The names are checked by the agent.
    public init(model: String, channel: String, follow: Bool) {
        self.model = model
        self.channel = channel
        self.follow = follow
    }
}

/// `list`: the versions that this node knows.
public struct ListVersions: ControlMethod {
    /// What comes back.
    public typealias Reply = VersionList
    /// Its name on the wire.
    public static let method = "list"
    /// One model, or all.
    public let model: String?
    /// Nil lists every model.
    public init(model: String?) { self.model = model }
}

/// The reply to `list`.
public struct VersionList: Codable, Sendable {
    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.list/1"
    /// By model, the newest of each first.
    public var items: [VersionSummary]
    /// The order is the caller's.
    public init(items: [VersionSummary]) { self.items = items }
}

/// One known version.
public struct VersionSummary: Codable, Sendable {
    /// The model's name.
    public let model: String
    /// Digest of the manifest, in hexadecimal.
    public let version: String
    /// The version's name for people.
    public let tag: String
    /// Orders the versions of a model: the highest is the newest.
    public let publishNumber: UInt64
    /// When it was published, by the publisher's clock, as RFC 3339 in UTC.
    public let created: String
    /// Size of the files of all variants.
    public let bytes: Int64
    /// How many files there are in all variants.
    public let files: Int
    /// Complete on this node.
    public let local: Bool
    /// What `current` names.
    public let current: Bool
    /// Channels whose head names it.
    public let channels: [String]
    /// An operator has stopped it.
    public let denied: Bool
    /// Another version has the same tag, so that the tag names neither.
    public let ambiguousTag: Bool

    /// For the agent, which knows all of it.
    public init(
        model: String, version: String, tag: String, publishNumber: UInt64, created: String, bytes: Int64, files: Int,
        local: Bool, current: Bool, channels: [String], denied: Bool, ambiguousTag: Bool
    ) {
        self.model = model
        self.version = version
        self.tag = tag
        self.publishNumber = publishNumber
        self.created = created
        self.bytes = bytes
        self.files = files
        self.local = local
        self.current = current
        self.channels = channels
        self.denied = denied
        self.ambiguousTag = ambiguousTag
    }
}

/// `show`: all that the manifest says.
public struct ShowVersion: ControlMethod {
    /// What comes back.
    public typealias Reply = VersionDetail
    /// Its name on the wire.
    public static let method = "show"
    /// The model's name.
    public let model: String
    /// A tag, or eight or more digits of a digest.
    public let version: String?
    /// A channel instead; with neither it is the stable one.
    public let channel: String?

    /// The names are checked by the agent.
    public init(model: String, version: String?, channel: String?) {
        self.model = model
        self.version = version
        self.channel = channel
    }
}

/// The reply to `show`.
public struct VersionDetail: Codable, Sendable {
    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.show/1"
    /// What `list` says of it.
    public let summary: VersionSummary
    /// How many distinct chunks it is made of.
    public let chunks: Int
    /// The most bytes that one of them may have.
    public let chunkBytes: Int
    /// Ids of the keys that signed the manifest, the first 16 hexadecimal digits of each.
    public let signedBy: [String]
    /// Its variants in the manifest's order.
    public let variants: [VariantDetail]
    /// The folder of the version; empty while it is not complete on this node.
    public let path: String
    /// Digest of the version that it came from, in hexadecimal; empty if it names none.
    public let parent: String
    /// What its publisher wrote down of where it comes from.
    public let lineage: [String: String]

    /// For the agent, which knows all of it.
    public init(
        summary: VersionSummary, chunks: Int, chunkBytes: Int, signedBy: [String], variants: [VariantDetail],
        path: String, parent: String, lineage: [String: String]
    ) {
        self.parent = parent
        self.lineage = lineage
        self.summary = summary
        self.chunks = chunks
        self.chunkBytes = chunkBytes
        self.signedBy = signedBy
        self.variants = variants
        self.path = path
    }
}

/// One variant's files.
public struct VariantDetail: Codable, Sendable {
    /// A file of a version, as users compare it.
    public struct File: Codable, Sendable {
        /// Below the version's folder, with slashes.
        public let path: String
        /// Its size.
        public let bytes: Int64
        /// SHA-256 of its content in hexadecimal, as `sha256sum` prints it.
        public let sha256: String

        /// As the manifest says.
        public init(path: String, bytes: Int64, sha256: String) {
            self.path = path
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    /// `default` where a version has only one.
    public let name: String
    /// In the manifest's order.
    public let files: [File]

    /// As the manifest says.
    public init(name: String, files: [File]) {
        self.name = name
        self.files = files
    }
}

/// `remove`: delete a version here.
public struct RemoveVersion: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "remove"
    /// The model's name.
    public let model: String
    /// A tag, or eight or more digits of a digest.
    public let version: String

    /// The names are checked by the agent.
    public init(model: String, version: String) {
        self.model = model
        self.version = version
    }
}

/// `retry`: try a version again that was set aside here.
public struct RetryVersion: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "retry"
    /// The model's name.
    public let model: String
    /// A tag, or eight or more digits of a digest; nil for all of the model's.
    public let version: String?

    /// The names are checked by the agent.
    public init(model: String, version: String?) {
        self.model = model
        self.version = version
    }
}

/// `verify`: re-hash what is on disk.
public struct VerifyVersions: ControlMethod {
    /// What comes back.
    public typealias Reply = VerifyReport
    /// Its name on the wire.
    public static let method = "verify"
    /// One model, or nil for all that is complete here.
    public let model: String?
    /// One version of the model: a tag, or eight or more digits of a digest.
    public let version: String?
    /// Whether the reply waits until what is damaged is mended, for as many seconds; nil to tell only what was found.
    public let repairSeconds: Int?

    /// A version without its model means nothing.
    public init(model: String?, version: String?, repairSeconds: Int? = nil) {
        self.model = model
        self.version = version
        self.repairSeconds = repairSeconds
    }
}

/// The reply to `verify`.
public struct VerifyReport: Codable, Sendable {
    /// One version that was re-hashed.
    public struct Item: Codable, Sendable {
        /// The model's name.
        public let model: String
        /// Digest of the manifest, in hexadecimal.
        public let version: String
        /// The version's name for people.
        public let tag: String
        /// Which of its variants.
        public let variant: String
        /// How much was hashed.
        public let bytes: Int64
        /// Damaged files by path; empty if all is well.
        public let damagedFiles: [String]
        /// How many chunks are wrong; 0 if all is well.
        public let damagedChunks: Int
        /// Whether what was damaged is mended by now.
        public var repaired = false

        /// What the store found.
        public init(
            model: String, version: String, tag: String, variant: String, bytes: Int64, damagedFiles: [String],
            damagedChunks: Int
        ) {
            self.variant = variant
            self.model = model
            self.version = version
            self.tag = tag
            self.bytes = bytes
            self.damagedFiles = damagedFiles
            self.damagedChunks = damagedChunks
        }
    }

    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.verify/1"
    /// One for each version, by model.
    public var items: [Item]

    /// Empty where nothing is complete.
    public init(items: [Item]) { self.items = items }
}

/// `token create`.
public struct CreateToken: ControlMethod {
    /// Its name on the wire.
    public static let method = "token"
    /// From 1 s to a day; the agent refuses more.
    public let lifetimeSeconds: Int

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
        public var schema = "shoal.token/1"
        /// What the newcomer gives to `shoal join`. A secret until it is spent.
        public let token: String
        /// As RFC 3339 in UTC.
        public let expires: String

        /// For the agent that holds the CA key.
        public init(token: String, expires: String) {
            self.token = token
            self.expires = expires
        }
    }

    /// The lifetime begins when the agent makes the token.
    public init(lifetimeSeconds: Int) { self.lifetimeSeconds = lifetimeSeconds }
}
