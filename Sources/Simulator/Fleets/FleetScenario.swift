/// A cluster in which nodes only say what they run: what that costs on each link, and how soon it is known everywhere.
public struct FleetScenario: Sendable {
    /// Nodes.
    public var nodeCount = 1_000
    /// Connections that a node has, on average.
    public var degree = 10
    /// One way along a connection, in seconds: drawn anew for each, between these.
    public var delaySeconds = 0.001...0.02
    /// Whether everybody knows of everybody from the start on, and reports as often as it does in the long run.
    public var isSettled = false
    /// The time in which all nodes start, in seconds, if not.
    public var startSeconds = 2.0
    /// How long it goes on once everybody knows of everybody, in times from one record of a node to its next.
    public var heartbeatCount = 2.0
    /// Nodes that change by themselves, one after the other.
    public var singleChangeCount = 20
    /// Nodes that change all at once.
    public var massChangeCount = 1_000
    /// What all chance comes from.
    public var seed: UInt64 = 1

    /// The defaults: a thousand nodes.
    public init() {}
}

/// What came out of it.
public struct FleetReport: Sendable {
    /// Bytes a second on one direction of one link.
    public struct Load: Sendable {
        /// Of all links, over the whole time.
        public var mean = 0.0
        /// The link on which it was most, over the whole time.
        public var meanOfWorst = 0.0
        /// The most on any link in any second.
        public var peak = 0.0
    }

    /// Directions of links.
    public var directionCount = 0
    /// From the first node's start until each knew of all others; nil if that never was so.
    public var settledSeconds: Double?
    /// While nodes learned of each other.
    public var start = Load()
    /// After that.
    public var settled = Load()
    /// Seconds from a change on one node until all others had its record, ascending; one that was not known everywhere
    /// at the end is infinite.
    public var singleChangeSeconds: [Double] = []
    /// The same for the changes that were made at once.
    public var massChangeSeconds: [Double] = []
    /// The oldest row of any node, once all knew of all.
    public var oldestRowSeconds = 0.0
    /// Rows that nodes have, on average, at the end.
    public var rowCountMean = 0.0
    /// What the cores were told.
    public var eventCount = 0
    /// Simulated seconds.
    public var seconds = 0.0
    /// One number for everything that was sent. Equal scenarios give equal numbers.
    public var digest: UInt64 = 0
}
