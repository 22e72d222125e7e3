/// `collect`: delete versions that nobody needs.
public struct CollectVersions: ControlMethod {
    /// What comes back.
    public typealias Reply = CollectReport
    /// Its name on the wire.
    public static let method = "collect"
    /// Only say what would go.
    public let dryRun: Bool

    /// What stays and why is for the agent to say.
    public init(dryRun: Bool) { self.dryRun = dryRun }
}

/// The reply to `collect`.
public struct CollectReport: Codable, Sendable {
    /// One complete version here.
    public struct Item: Codable, Sendable {
        /// The model's name.
        public let model: String
        /// Digest of the manifest, in hexadecimal.
        public let version: String
        /// The version's name for people; empty where its manifest is not known any more.
        public let tag: String
        /// The variant.
        public let variant: String
        /// Size of the variant's files. Where the disk shares blocks between versions, deleting gives less.
        public let bytes: Int64
        /// Whether it was deleted, or would be.
        public let deleted: Bool
        /// Why it stays: `current`, `previous`, `in use`, `pinned`, `wanted`, `unreleased`; empty if it does not.
        public let keptBecause: String

        /// For the agent.
        public init(
            model: String, version: String, tag: String, variant: String, bytes: Int64, deleted: Bool,
            keptBecause: String
        ) {
            self.model = model
            self.version = version
            self.tag = tag
            self.variant = variant
            self.bytes = bytes
            self.deleted = deleted
            self.keptBecause = keptBecause
        }
    }

    /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
    public var schema = "shoal.gc/1"
    /// What goes first, then what stays.
    public let items: [Item]
    /// What became free on the disk; 0 in a dry run.
    public let freedBytes: Int64

    /// For the agent.
    public init(items: [Item], freedBytes: Int64) {
        self.items = items
        self.freedBytes = freedBytes
    }
}
