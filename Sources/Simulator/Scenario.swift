public import Swarm

/// All that decides a run. Equal scenarios give equal traces.
public struct Scenario: Sendable {
    /// Nodes that want the version from the start, besides the seeds.
    public var nodeCount = 20
    /// Nodes that hold everything from the start; the first of them directs the first copy.
    public var seedCount = 1
    /// Bytes of the version.
    public var byteCount = 200 << 20
    /// Bytes of a chunk; the last one may be smaller.
    public var chunkByteCount = 512 << 10
    /// Whether content decides the cuts: then `chunkByteCount` is the average that its thresholds aim at.
    public var isCutByContent = false
    /// Bits a second of each node's link, either way.
    public var bitRate = 40e6
    /// The same of the seed's; nil for that of all.
    public var seedBitRate: Double?
    /// Racks; 0 for one switch. The seeds are in the first one.
    public var rackCount = 0
    /// How many times more the nodes of a rack could send than its uplink takes.
    public var oversubscription = 1.0
    /// One way between two nodes, in seconds.
    public var delay = 0.000_2
    /// One way more between two racks.
    public var rackDelay = 0.0
    /// Whether nodes say in which rack they are.
    public var hasLabels = true
    /// Whom a node is told to try.
    public var peers = PeerChoice.seed
    /// What all chance comes from.
    public var seed: UInt64 = 1
    /// Seconds in which the nodes connect, before the clock starts.
    public var settleSeconds = 3.0
    /// Seconds from the start until a node has the layout, drawn anew for each node between this and twice this.
    public var documentSeconds = 0.02
    /// Seconds after the limit in which everybody must be done; nil for 120 and twenty times the limit.
    public var patienceSeconds: Double?
    /// What the network costs.
    public var network = NetworkModel()
    /// What the agents are set to.
    public var limits = SwarmLimits()
    /// What goes wrong.
    public var faults: [Fault] = []
    /// A bug in the simulated shell that a checker must find.
    public var plant: Plant?
    /// Copies of the version that the seeds may send; nil for any.
    public var seedCopiesMax: Double?
    /// Copies that a node may receive; nil for any.
    public var receivedCopiesMax: Double?
    /// The checkers that cost much look after each so many events of a node.
    public var checkInterval = 1
    /// Times that the completion curve and the links' use are sampled in, up to the limit.
    public var sampleCount = 100

    /// The defaults: 200 MiB to 20 nodes at 40 Mbit/s.
    public init() {}

    /// Whom a node is told to try.
    public enum PeerChoice: Sendable, Equatable {
        /// The seed, as `shoal join --peer` does.
        case seed
        /// The seed's rack or not, so many nodes at random.
        case random(Int)
    }

    /// A bug in the simulated shell.
    public enum Plant: String, Sendable, CaseIterable {
        /// A chunk with wrong bytes is stored.
        case storeDamaged = "store-damaged"
        /// A verdict is given twice in place of another chunk's.
        case storeTwice = "store-twice"
        /// CANCEL is not sent, so that what was given up still comes in full.
        case loseCancel = "lose-cancel"
        /// The shell forgets one in a hundred requests before it is sent.
        case loseRequest = "lose-request"
        /// Buffers of requests that were given up are kept.
        case keepBuffers = "keep-buffers"
        /// One in a hundred verdicts of the store is lost.
        case loseVerdict = "lose-verdict"
        /// The offset of one in a thousand DATA frames is wrong.
        case shiftData = "shift-data"
    }
}

/// Something that goes wrong, at a time given in limits: 0.5 is half of the time that a perfect run takes.
public enum Fault: Sendable, Equatable {
    /// The node's process ends; the kernel closes its connections.
    case kill(Int, at: Double)
    /// Nothing comes from or gets to the node from then on, until the second time if there is one; no connection is
    /// closed.
    case blackHole(Int, from: Double, until: Double?)
    /// The process stands still.
    case freeze(Int, from: Double, until: Double)
    /// The nodes of one part and the others do not reach each other.
    case partition(Set<Int>, from: Double, until: Double)
    /// The node's links have this part of the usual rate.
    case slowLink(Int, factor: Double)
    /// The node hashes and writes so many bytes a second.
    case slowDisk(Int, bytesPerSecond: Double)
    /// The node sends wrong bytes in one chunk of so many.
    case damage(Int, oneIn: Int)
    /// One more node starts at that time, with nothing.
    case join(at: Double)
}
