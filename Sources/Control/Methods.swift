/// `status`: this node and its neighbours.
public struct GetStatus: ControlMethod {
    public typealias Reply = StatusReport
    public static let method = "status"
    public init() {}
}

/// `get`: fetch a version; the reply comes once it is complete, or at once with `wait` off.
public struct GetVersion: ControlMethod {
    public typealias Reply = FetchedVersion
    public static let method = "get"
    /// The model.
    public let model: String
    /// A tag, eight or more digits of a digest, or nothing for the newest that the stable channel or the models' order names.
    public let version: String?
    /// A channel, if the version is given by one.
    public let channel: String?
    /// Seconds to keep asking when nobody knows the version; nothing: give up when all neighbours have said no.
    public let waitSeconds: Int?
    /// Whether the reply waits for the complete version.
    public let wait: Bool

    public init(model: String, version: String?, channel: String?, waitSeconds: Int?, wait: Bool) {
        self.model = model
        self.version = version
        self.channel = channel
        self.waitSeconds = waitSeconds
        self.wait = wait
    }
}

/// What `get` found.
public struct FetchedVersion: Codable, Sendable {
    public var schema = "shoal.get/1"
    public let model: String
    public let version: String
    public let tag: String
    public let variant: String
    /// The folder of the version; empty while it is not complete.
    public let path: String
    public let bytes: Int64
    public let complete: Bool

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
    public typealias Reply = Done
    public static let method = "follow"
    public let model: String
    public let channel: String
    /// False to stop following.
    public let follow: Bool

    public init(model: String, channel: String, follow: Bool) {
        self.model = model
        self.channel = channel
        self.follow = follow
    }
}

/// `list`: the versions that this node knows.
public struct ListVersions: ControlMethod {
    public typealias Reply = VersionList
    public static let method = "list"
    /// One model, or all.
    public let model: String?
    public init(model: String?) { self.model = model }
}

/// The reply to `list`.
public struct VersionList: Codable, Sendable {
    public var schema = "shoal.list/1"
    public var items: [VersionSummary]
    public init(items: [VersionSummary]) { self.items = items }
}

/// One known version.
public struct VersionSummary: Codable, Sendable {
    public let model: String
    public let version: String
    public let tag: String
    public let publishNumber: UInt64
    public let created: String
    public let bytes: Int64
    public let files: Int
    /// Complete on this node.
    public let local: Bool
    /// What `current` names.
    public let current: Bool
    /// Channels whose head names it.
    public let channels: [String]
    public let denied: Bool
    /// Another version has the same tag, so that the tag names neither.
    public let ambiguousTag: Bool

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
    public typealias Reply = VersionDetail
    public static let method = "show"
    public let model: String
    public let version: String?
    public let channel: String?

    public init(model: String, version: String?, channel: String?) {
        self.model = model
        self.version = version
        self.channel = channel
    }
}

/// The reply to `show`.
public struct VersionDetail: Codable, Sendable {
    public var schema = "shoal.show/1"
    public let summary: VersionSummary
    public let chunks: Int
    public let chunkBytes: Int
    public let signedBy: [String]
    public let variants: [VariantDetail]
    public let path: String

    public init(
        summary: VersionSummary, chunks: Int, chunkBytes: Int, signedBy: [String], variants: [VariantDetail],
        path: String
    ) {
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
        public let path: String
        public let bytes: Int64
        public let sha256: String

        public init(path: String, bytes: Int64, sha256: String) {
            self.path = path
            self.bytes = bytes
            self.sha256 = sha256
        }
    }

    public let name: String
    public let files: [File]

    public init(name: String, files: [File]) {
        self.name = name
        self.files = files
    }
}

/// `remove`: delete a version here.
public struct RemoveVersion: ControlMethod {
    public typealias Reply = Done
    public static let method = "remove"
    public let model: String
    public let version: String

    public init(model: String, version: String) {
        self.model = model
        self.version = version
    }
}

/// `verify`: re-hash what is on disk.
public struct VerifyVersions: ControlMethod {
    public typealias Reply = VerifyReport
    public static let method = "verify"
    public let model: String?
    public let version: String?

    public init(model: String?, version: String?) {
        self.model = model
        self.version = version
    }
}

/// The reply to `verify`.
public struct VerifyReport: Codable, Sendable {
    /// One version that was re-hashed.
    public struct Item: Codable, Sendable {
        public let model: String
        public let version: String
        public let tag: String
        public let bytes: Int64
        /// Damaged files by path; empty if all is well.
        public let damagedFiles: [String]
        public let damagedChunks: Int

        public init(
            model: String, version: String, tag: String, bytes: Int64, damagedFiles: [String], damagedChunks: Int
        ) {
            self.model = model
            self.version = version
            self.tag = tag
            self.bytes = bytes
            self.damagedFiles = damagedFiles
            self.damagedChunks = damagedChunks
        }
    }

    public var schema = "shoal.verify/1"
    public let items: [Item]

    public init(items: [Item]) { self.items = items }
}

/// `token create`.
public struct CreateToken: ControlMethod {
    public static let method = "token"
    public let lifetimeSeconds: Int

    /// The reply.
    public struct Reply: Codable, Sendable {
        public var schema = "shoal.token/1"
        public let token: String
        public let expires: String

        public init(token: String, expires: String) {
            self.token = token
            self.expires = expires
        }
    }

    public init(lifetimeSeconds: Int) { self.lifetimeSeconds = lifetimeSeconds }
}
