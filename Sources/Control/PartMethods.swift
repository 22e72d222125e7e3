/// `get-part`: fetch some files of a version, for the command to copy; the reply comes once they are complete.
public struct GetPart: ControlMethod {
    /// Its name on the wire.
    public static let method = "get-part"
    /// The model.
    public let model: String
    /// A tag, or eight or more digits of a digest; nothing for what a channel names.
    public let version: String?
    /// A channel, if the version is given by one; without either it is stable.
    public let channel: String?
    /// Patterns as a shell has them, of which a file's path must match one; `*` matches slashes, too.
    public let include: [String]
    /// Seconds until it is given up; nothing: an hour.
    public let waitSeconds: Int?

    /// The names are checked by the agent; give `version` or `channel` or neither.
    public init(model: String, version: String?, channel: String?, include: [String], waitSeconds: Int?) {
        self.model = model
        self.version = version
        self.channel = channel
        self.include = include
        self.waitSeconds = waitSeconds
    }

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
        public var schema = "shoal.get-part/1"
        /// The model's name.
        public let model: String
        /// Digest of the manifest, in hexadecimal.
        public let version: String
        /// The version's name for people.
        public let tag: String
        /// The variant that this node takes.
        public let variant: String
        /// The folder that the files are in, until `end-part`; the command writes its own.
        public var path: String
        /// The files' paths below it.
        public let files: [String]
        /// Their size.
        public let bytes: Int64

        /// For the agent.
        public init(
            model: String, version: String, tag: String, variant: String, path: String, files: [String], bytes: Int64
        ) {
            self.model = model
            self.version = version
            self.tag = tag
            self.variant = variant
            self.path = path
            self.files = files
            self.bytes = bytes
        }
    }
}

/// `end-part`: the files that `get-part` fetched are copied.
public struct EndPart: ControlMethod {
    /// What comes back.
    public typealias Reply = Done
    /// Its name on the wire.
    public static let method = "end-part"
    /// Digest of the manifest, in hexadecimal.
    public let version: String

    /// One that is not there does no harm.
    public init(version: String) { self.version = version }
}
