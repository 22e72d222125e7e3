/// `plan-publication`: what a version that is not published yet would cost the nodes that are connected now.
public struct PlanPublication: ControlMethod {
    /// Its name on the wire.
    public static let method = "plan-publication"
    /// Digest of the version that it comes from, in hexadecimal; empty if there is none.
    public let parent: String
    /// Bytes of the largest variant's files.
    public let bytesTotal: Int64
    /// Bytes, each counted once, of a variant's chunks that the parent does not have; the most of any.
    public let bytesNew: Int64
    /// Bytes of a variant's distinct chunks; the most of any.
    public let bytesDistinct: Int64

    /// Bytes are not negative.
    public init(parent: String, bytesTotal: Int64, bytesNew: Int64, bytesDistinct: Int64) {
        self.parent = parent
        self.bytesTotal = bytesTotal
        self.bytesNew = bytesNew
        self.bytesDistinct = bytesDistinct
    }

    /// A connected node.
    public struct Node: Codable, Sendable {
        /// Its name.
        public let name: String
        /// Its node id, in hexadecimal.
        public let node: String
        /// Whether it has a whole variant of the parent, which is what a node takes.
        public let holdsParent: Bool
        /// What would be sent to it.
        public let bytesTransfer: Int64
        /// What the version would take on its disk, about.
        public let bytesDisk: Int64
        /// What its disk would still take; nil if it did not say.
        public let bytesRoom: Int64?

        /// Whether it said that there is too little room.
        public var isTooSmall: Bool { bytesRoom.map { $0 < bytesDisk } ?? false }

        /// For the agent.
        public init(
            name: String, node: String, holdsParent: Bool, bytesTransfer: Int64, bytesDisk: Int64, bytesRoom: Int64?
        ) {
            self.name = name
            self.node = node
            self.holdsParent = holdsParent
            self.bytesTransfer = bytesTransfer
            self.bytesDisk = bytesDisk
            self.bytesRoom = bytesRoom
        }
    }

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// By name.
        public let nodes: [Node]
        /// Until the last of them has it: one copy at the best rate that this node's uplink showed, which is what a
        /// swarm of equal links takes; nil if nothing was sent yet or there is nobody.
        public let seconds: Double?

        /// For the agent.
        public init(nodes: [Node], seconds: Double?) {
            self.nodes = nodes
            self.seconds = seconds
        }
    }
}
