public import Units

/// What a fetch's time and bytes came from, as far as the swarm knows it: from the first plan to the last chunk.
public struct FetchReport: Equatable, Sendable {
    /// What each hold-up took of the time.
    public let times: HoldUpTimes
    /// What holds it back now; nil if nothing is missing.
    public let holdUp: HoldUp?
    /// Payload that came, useful or not.
    public let receivedByteCount: Int64
    /// Payload that came and was of no use.
    public let wastedByteCount: Int64
    /// Useful payload, what has come and what is still to come together.
    public let expectedByteCount: Int64
    /// Payload that comes a second, smoothed over about three.
    public let bytesPerSecond: Double
    /// What came from whom, the most first.
    public let sources: [SourceReport]

    /// What one neighbour gave to a fetch.
    public struct SourceReport: Equatable, Sendable {
        /// The neighbour.
        public let node: NodeID
        /// Payload that came from it.
        public let receivedByteCount: Int64
        /// How long requests were open to it.
        public let busy: Duration
        /// Chunks with a wrong hash.
        public let rejectedChunkCount: Int
        /// How often it fell silent, so that others were asked instead.
        public let silenceCount: Int
        /// How often it was far slower than the others, so that these were asked instead.
        public let slowCount: Int

        /// What it gave a second while something was asked of it; 0 if nothing was.
        public var bytesPerSecond: Double {
            busy > .zero ? Double(receivedByteCount) / busy.inSeconds : 0
        }

        /// Takes the fields as they are.
        public init(
            node: NodeID, receivedByteCount: Int64, busy: Duration, rejectedChunkCount: Int = 0, silenceCount: Int = 0,
            slowCount: Int = 0
        ) {
            self.node = node
            self.receivedByteCount = receivedByteCount
            self.busy = busy
            self.rejectedChunkCount = rejectedChunkCount
            self.silenceCount = silenceCount
            self.slowCount = slowCount
        }
    }

    /// Payload that came and was of use, as far as that is known by now.
    public var usefulByteCount: Int64 { max(0, receivedByteCount - wastedByteCount) }

    /// Takes the fields as they are.
    public init(
        times: HoldUpTimes, holdUp: HoldUp?, receivedByteCount: Int64, wastedByteCount: Int64,
        expectedByteCount: Int64, bytesPerSecond: Double, sources: [SourceReport]
    ) {
        self.times = times
        self.holdUp = holdUp
        self.receivedByteCount = receivedByteCount
        self.wastedByteCount = wastedByteCount
        self.expectedByteCount = expectedByteCount
        self.bytesPerSecond = bytesPerSecond
        self.sources = sources
    }

    /// The source that gave least a second while it was asked, among those that were asked for a tenth of a second or
    /// more; nil with fewer than two of these.
    public var slowestSource: SourceReport? {
        let asked = sources.filter { $0.busy >= .milliseconds(100) }
        guard asked.count > 1 else { return nil }
        return asked.min { $0.bytesPerSecond < $1.bytesPerSecond }
    }
}

/// What this node's downlink takes, as far as it is known.
public enum DownlinkLimit: Equatable, Sendable {
    /// It was not measured yet.
    case unknown
    /// The best half second of the last ten to twenty minutes, in bytes a second: the link takes that much at least.
    case measured(Double)
    /// The configuration allows so much, in bytes a second.
    case configured(Double)

    /// In bytes a second; 0 if unknown.
    public var bytesPerSecond: Double {
        switch self {
        case .unknown: 0
        case .measured(let rate), .configured(let rate): rate
        }
    }
}

/// The neighbour that is furthest behind with a version.
public struct LaggardReport: Equatable, Sendable {
    /// The neighbour.
    public let node: NodeID
    /// Chunks that it has announced.
    public let chunkCount: Int
    /// How long it has announced nothing more.
    public let quiet: Duration
    /// What holds it back, as seen from here.
    public let cause: Cause

    /// What this node can see of another's trouble.
    public enum Cause: String, Hashable, Sendable {
        /// It takes chunks at less than half the usual rate, or what is being sent to it does not move.
        case itsLink = "its-link"
        /// What it asked for waits for its turn here.
        case thisUplink = "this-uplink"
        /// Requests of ours to it are open, and nothing comes from it.
        case silent
        /// It asks nothing of this node: what holds it back cannot be seen from here.
        case elsewhere
    }
}
