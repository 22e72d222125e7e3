import Collections
public import Units

/// The swarm logic of one agent: who holds what, what to ask whom, whom to serve first, when to give up, whom to dial.
///
/// It does nothing by itself: events and time go in, effects come out, and the same events with the same seed give the
/// same effects. Payload never passes through.
///
///     swarm.handle(event, now: now)
///     while let effect = swarm.nextEffect() { run(effect) }
///
/// A chunk that is needed goes missing → requested → verifying → held, and is in exactly one of these states.
public struct Swarm: Sendable {
    /// This agent.
    public let node: NodeID
    let labels: [String: String]
    let limits: SwarmLimits
    var random: SplitMix64

    /// - Parameters:
    ///   - labels: this node's own; compared with those of neighbours to tell near from far.
    ///   - seed: what all chance comes from.
    public init(node: NodeID, labels: [String: String] = [:], limits: SwarmLimits = SwarmLimits(), seed: UInt64) {
        self.node = node
        self.labels = labels
        self.limits = limits
        random = SplitMix64(seed: seed)
    }

    /// Takes one event in. What is to be done about it is then asked for with `nextEffect`.
    /// - Precondition: all effects of the event before were taken, and time does not go back.
    public mutating func handle(_ event: SwarmEvent, now: Instant) {}

    /// The next thing to do, or nil if nothing is left.
    public mutating func nextEffect() -> SwarmEffect? { nil }

    /// The number for a request that the shell sends by itself (FETCH, VERSIONS_QUERY, RENEW), which shares the numbering
    /// with REQUEST. Nil if the node is no neighbour. Send it before handing in the next event.
    public mutating func drawRequestNumber(for neighbour: NodeID) -> UInt32? { nil }

    /// Whether a connection with `node` is wanted now. The shell asks after TLS, when the identity is known.
    public func admission(of node: NodeID, now: Instant) -> Admission { .welcome }

    /// What PEERS says to that neighbour at the start of a connection. Later changes come as effects.
    public func addressesToShare(with recipient: NodeID, at address: IPAddress, now: Instant) -> [PeerEntry] { [] }

    /// Connected neighbours in the order they came, then the nodes that are set aside.
    public func neighbourReports(now: Instant) -> [NeighbourReport] { [] }

    /// Nil if the version was not added.
    public func versionReport(_ version: Digest, now: Instant) -> VersionReport? { nil }
}
