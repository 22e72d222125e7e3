import Units

/// All that decides a simulated rollout. Equal scenarios give equal traces.
public struct RolloutScenario: Sendable {
    /// Nodes.
    public var nodeCount = 20
    /// What all chance comes from.
    public var seed: UInt64 = 1
    /// Connections of a node, on average.
    public var degree = 8
    /// One way along a connection, in seconds: drawn anew for each, between these.
    public var delaySeconds = 0.001...0.02
    /// Of a million frames so many are lost, and their connection with them.
    public var lossPerMillion = 0
    /// Of a thousand steps of an agent so many are its last, until it is started again.
    public var crashPerMille = 0
    /// Versions that follow the one which all serve at the start, and what is wrong with them.
    public var natures: [VersionNature] = [.init()]
    /// How long a version is looked at after a switch.
    public var watchSeconds = 10
    /// The rings' shares in parts of a thousand; the first ring is one node if the first share is 0.
    public var ringShares: [UInt16] = [0, 100, 500, 1_000]
    /// Between two rings.
    public var waitSeconds: UInt32 = 4
    /// Failures in parts of a thousand that halt a rollout.
    public var haltPerMille: UInt16 = 50
    /// Whether a ring is let go only once all nodes have reported.
    public var expectsAll = true
    /// Nodes that have nothing at the start.
    public var freshCount = 0
    /// Nodes with two inference processes.
    public var doubleCount = 0
    /// What the operator does, and when.
    public var acts: [(seconds: Double, act: OperatorAct)] = []
    /// What goes wrong, and when.
    public var faults: [(seconds: Double, fault: RolloutFaultKind)] = []
    /// After this nothing goes wrong any more.
    public var faultSeconds = 60.0
    /// How long it may take from then on until all is as it should be.
    public var patienceSeconds = 400.0
    /// Controllers that run at once, at most.
    public var controllerCount = 1
    /// Whether records of nodes go from one to the next by way of `Fleet`; else a controller has each after two
    /// seconds, which spares a run of a thousand nodes a hundred million frames.
    public var spreadsStatus = true
    /// A bug in the simulated shell that a checker must find.
    public var plant: Plant?

    /// The defaults: twenty nodes, nothing goes wrong.
    public init() {}

    /// What an operator does.
    public enum OperatorAct: Sendable, Hashable {
        /// Moves the channel to a version in rings. Versions count from 1, the one that all serve at the start.
        case promoteInRings(Int)
        /// The same, everybody at once or at one instant so many seconds later.
        case promoteToAll(Int, flipAfter: Int)
        case halt
        case lift
        case rollBack
        /// Keeps a node on a version.
        case pin(node: Int, version: Int)
        case unpin
    }

    /// What goes wrong.
    public enum RolloutFaultKind: Sendable, Hashable {
        /// The agent ends and comes back.
        case crashAgent(Int, seconds: Int)
        /// An inference process ends and comes back.
        case crashProcess(Int)
        /// The nodes of which the bit is set and the others do not reach each other.
        case partition(UInt64, seconds: Int)
        /// A connection ends.
        case breakLink(Int)
        /// Controllers end.
        case crashControllers
    }

    /// A bug in the simulated shell.
    public enum Plant: String, Sendable, CaseIterable {
        /// Halts are passed on and not heeded.
        case ignoreHalt = "ignore-halt"
        /// Accepted heads and deny records are not made durable.
        case forgetRank = "forget-rank"
        /// Whoever does not report counts as serving.
        case trustSilent = "trust-silent"
        /// A version is said to be there when its head comes.
        case serveUnfetched = "serve-unfetched"
        /// What is known of trials is said to be durable and is not.
        case forgetTrials = "forget-trials"
        /// Rings that may not switch yet do.
        case ignoreRings = "ignore-rings"
    }
}

/// What is wrong with a version, and where.
public struct VersionNature: Sendable, Hashable {
    /// How it shows.
    public enum Flaw: Int, Sendable, CaseIterable {
        case none, doesNotLoad, isWrong, failsRequests, killsAtLoad, killsLater
    }

    /// On which nodes.
    public enum Extent: Sendable, Hashable {
        case everywhere
        /// On so many of a thousand.
        case share(Int)
        /// From that ring on, counted from 1; and where no ring takes the node.
        case fromRing(Int)
    }

    /// How it shows.
    public var flaw = Flaw.none
    /// Where.
    public var extent = Extent.everywhere

    /// Nothing is wrong with it unless said.
    public init(_ flaw: Flaw = .none, _ extent: Extent = .everywhere) {
        self.flaw = flaw
        self.extent = extent
    }
}
