/// One fetch of a version by this node, under way or over. Sizes are of distinct chunks, in bytes.
public struct FetchStatus: Codable, Sendable {
    /// What the time went to: shares of the whole that add up to 1, to three decimals. All are 0 at the very start.
    public struct Shares: Codable, Equatable, Sendable {
        /// Nothing could be asked for.
        public var waiting = 0.0
        /// The sources gave less than this node's link takes.
        public var source = 0.0
        /// This node's link took no more.
        public var ownLink = 0.0
        /// What came waited to be hashed.
        public var hashing = 0.0
        /// What came waited to be written.
        public var disk = 0.0

        /// All of them 0.
        public init() {}
    }

    /// What one neighbour gave.
    public struct Source: Codable, Sendable {
        /// The node's id in hexadecimal.
        public var id: String
        /// What its certificate calls it.
        public var name: String
        /// Payload that came from it, useful or not.
        public var bytes: Int64
        /// How long something was asked of it.
        public var busySeconds: Double
        /// What it gave a second in that time.
        public var bytesPerSecond: Int64
        /// Chunks of it that had a wrong hash.
        public var refusedChunks: Int

        /// For the agent, which knows all of it.
        public init(
            id: String, name: String, bytes: Int64, busySeconds: Double, bytesPerSecond: Int64, refusedChunks: Int
        ) {
            self.id = id
            self.name = name
            self.bytes = bytes
            self.busySeconds = busySeconds
            self.bytesPerSecond = bytesPerSecond
            self.refusedChunks = refusedChunks
        }
    }

    /// The source that gave least a second.
    public struct SlowestSource: Codable, Sendable {
        /// The node's id in hexadecimal.
        public var id: String
        /// What its certificate calls it.
        public var name: String
        /// What it gave a second while something was asked of it.
        public var bytesPerSecond: Int64
        /// `wrong-bytes`, `silent`, `far-slower` or `slow`.
        public var cause: String

        /// For the agent, which knows all of it.
        public init(id: String, name: String, bytesPerSecond: Int64, cause: String) {
            self.id = id
            self.name = name
            self.bytesPerSecond = bytesPerSecond
            self.cause = cause
        }
    }

    /// The model's name.
    public var model: String
    /// Digest of the manifest in hexadecimal.
    public var version: String
    /// The version's name for people; empty while its manifest is not here.
    public var tag: String
    /// As RFC 3339 in UTC.
    public var startedAt: String
    /// The same; empty while it is under way.
    public var endedAt = ""
    /// How long it took, or has taken so far.
    public var seconds = 0.0
    /// What the version consists of.
    public var bytesTotal: Int64 = 0
    /// How much of that is here.
    public var bytesDone: Int64 = 0
    /// Payload that came from neighbours, useful or not.
    public var receivedBytes: Int64 = 0
    /// What was here before the first request: of other versions, or of an earlier run.
    public var reusedBytes: Int64 = 0
    /// Payload that came and was of no use.
    public var wastedBytes: Int64 = 0
    /// Chunks that had a wrong hash.
    public var refusedChunks = 0
    /// Payload that comes, smoothed over three seconds; 0 once it is over.
    public var bytesPerSecond: Int64 = 0
    /// Useful payload over the whole time.
    public var meanBytesPerSecond: Int64 = 0
    /// What this node's downlink takes; 0 if unknown.
    public var limitBytesPerSecond: Int64 = 0
    /// Where that comes from: `configured`, `measured`, or empty if unknown.
    public var limitFrom = ""
    /// The mean rate as a part of the limit, to three decimals; 0 if unknown.
    public var efficiency = 0.0
    /// The time to completion at the present rate; 0 if unknown.
    public var secondsLeft = 0.0
    /// What it is in now: `waiting`, `source`, `own-link`, `hashing` or `disk`; empty once it is over.
    public var heldUpBy = ""
    /// What the longest part of the time went to, in the same words; empty at the very start.
    public var mainHoldUp = ""
    /// What the time went to.
    public var shares = Shares()
    /// Who gave how much, the most first; at most eight.
    public var sources: [Source] = []
    /// Nil if fewer than two sources were asked for long enough to compare them; written as null then.
    public var slowestSource: SlowestSource?

    /// A row with every count at 0, to be filled in.
    public init(model: String, version: String, tag: String, startedAt: String) {
        self.model = model
        self.version = version
        self.tag = tag
        self.startedAt = startedAt
    }

    enum CodingKeys: String, CodingKey {
        case model, version, tag, startedAt, endedAt, seconds, bytesTotal, bytesDone, receivedBytes, reusedBytes
        case wastedBytes, refusedChunks, bytesPerSecond, meanBytesPerSecond, limitBytesPerSecond, limitFrom, efficiency
        case secondsLeft, heldUpBy, mainHoldUp, shares, sources, slowestSource
    }

    /// Writes `slowestSource` as null where there is none, since the key is promised.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        for (key, text) in [
            (CodingKeys.model, model), (.version, version), (.tag, tag), (.startedAt, startedAt), (.endedAt, endedAt),
            (.limitFrom, limitFrom), (.heldUpBy, heldUpBy), (.mainHoldUp, mainHoldUp),
        ] { try container.encode(text, forKey: key) }
        for (key, count) in [
            (CodingKeys.bytesTotal, bytesTotal), (.bytesDone, bytesDone), (.receivedBytes, receivedBytes),
            (.reusedBytes, reusedBytes), (.wastedBytes, wastedBytes), (.refusedChunks, Int64(refusedChunks)),
            (.bytesPerSecond, bytesPerSecond), (.meanBytesPerSecond, meanBytesPerSecond),
            (.limitBytesPerSecond, limitBytesPerSecond),
        ] { try container.encode(count, forKey: key) }
        for (key, number) in [
            (CodingKeys.seconds, seconds), (.efficiency, efficiency), (.secondsLeft, secondsLeft),
        ] { try container.encode(number, forKey: key) }
        try container.encode(shares, forKey: .shares)
        try container.encode(sources, forKey: .sources)
        try container.encode(slowestSource, forKey: .slowestSource)
    }
}

/// The neighbour that is furthest behind with a version that is here.
public struct SlowestNeighbour: Codable, Sendable {
    /// The node's id in hexadecimal.
    public var id: String
    /// What its certificate calls it.
    public var name: String
    /// Chunks that it has announced.
    public var chunks: Int
    /// Chunks of the version.
    public var chunksTotal: Int
    /// How long it has announced nothing more.
    public var quietSeconds: Double
    /// As seen from here: `its-link`, `this-uplink`, `silent` or `elsewhere`.
    public var cause: String

    /// For the agent, which knows all of it.
    public init(id: String, name: String, chunks: Int, chunksTotal: Int, quietSeconds: Double, cause: String) {
        self.id = id
        self.name = name
        self.chunks = chunks
        self.chunksTotal = chunksTotal
        self.quietSeconds = quietSeconds
        self.cause = cause
    }
}
