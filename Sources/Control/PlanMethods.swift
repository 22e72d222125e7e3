/// `plan`: what a `get` would cost; nothing is fetched but the version's documents.
public struct PlanVersion: ControlMethod {
    /// Its name on the wire.
    public static let method = "plan"
    /// The model.
    public let model: String
    /// A tag, or eight or more digits of a digest; nothing for what a channel names.
    public let version: String?
    /// A channel, if the version is given by one; without either it is stable.
    public let channel: String?

    /// The names are checked by the agent; give `version` or `channel` or neither.
    public init(model: String, version: String?, channel: String?) {
        self.model = model
        self.version = version
        self.channel = channel
    }

    /// The reply.
    public struct Reply: Codable, Sendable {
        /// Name and version of this shape; a field that is added leaves it, one that changes raises it.
        public var schema = "shoal.plan/1"
        /// The model's name.
        public let model: String
        /// Digest of the manifest, in hexadecimal.
        public let version: String
        /// The version's name for people.
        public let tag: String
        /// The variant that this node would take.
        public let variant: String
        /// Whether it is complete here already; then nothing is to be done.
        public let complete: Bool
        /// Size of the variant's files.
        public let bytesTotal: Int64
        /// What of it is on this node, in other versions.
        public let bytesReused: Int64
        /// What neighbours would have to send.
        public let bytesTransfer: Int64
        /// What it would take on this node's disk.
        public let bytesDisk: Int64
        /// What is free there.
        public let bytesFree: Int64
        /// The transfer at the best rate that this node's downlink is known to take; nil if none is known.
        public let seconds: Double?

        /// For the agent.
        public init(
            model: String, version: String, tag: String, variant: String, complete: Bool, bytesTotal: Int64,
            bytesReused: Int64, bytesTransfer: Int64, bytesDisk: Int64, bytesFree: Int64, seconds: Double?
        ) {
            self.model = model
            self.version = version
            self.tag = tag
            self.variant = variant
            self.complete = complete
            self.bytesTotal = bytesTotal
            self.bytesReused = bytesReused
            self.bytesTransfer = bytesTransfer
            self.bytesDisk = bytesDisk
            self.bytesFree = bytesFree
            self.seconds = seconds
        }
    }
}
