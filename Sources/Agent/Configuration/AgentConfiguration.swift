public import EventLoop
public import Handoff
public import Rollout
public import Units
internal import Wire

/// What an operator decides about one agent: the file's values, with the command line's on top.
public struct AgentConfiguration: Sendable {
    /// Where to listen.
    public var listen: Endpoint
    /// Addresses to try, besides those that were kept from joining.
    public var peers: [HostPort]
    /// Set one with ``setLabel(_:to:)``. Where this node stands: `region`, `zone`, `rack`, `host` shape the
    /// neighbour graph; others are for people.
    public private(set) var labels: [String: String]
    /// Congestion control of connections; nil leaves the kernel's default.
    public var congestionControl: String?
    /// The same for one class of links, where it differs.
    public var congestionControls: [LinkClass: String]
    /// Upload, download and priority, of the node and of classes of links.
    public var limits: [LimitKey: LimitValue]
    /// The same for parts of the day; of those that overlap the last has the say.
    public var limitSchedules: [LimitSchedule]
    /// Who may bind which model on the hand-off socket.
    public var handoffRules: [HandoffRule]
    /// What may be taken of the disk.
    public var disk: DiskLimits
    /// In how many days everything on disk is hashed again; nil for never.
    public var scrubDays: Int64?
    /// Which variant this node takes of a model, by the model's name or `*`; where there is none, the hardware decides.
    public var variants: [String: VariantName]
    /// Models that are given to an inference process: their `current` waits for it, even before the first one came.
    public var servedModels: [ModelName]
    /// Servers that do not speak `handoff/1`, and how they are spoken to. The first rule that covers a model is its.
    public var adapters: [AdapterRule]
    /// How long inference processes may take; whether one is awaited follows from `servedModels` and `adapters`.
    public var switching: RolloutSettings

    /// The defaults: all addresses of the machine, the default port, no peers.
    public init() {
        guard let all = IPAddress([UInt8](repeating: 0, count: 4)) else {
            preconditionFailure("four bytes are an address")
        }
        listen = Endpoint(address: all, port: Limits.defaultPort)
        peers = []
        labels = [:]
        congestionControl = nil
        congestionControls = [:]
        limits = [:]
        limitSchedules = []
        handoffRules = []
        servedModels = []
        adapters = []
        switching = RolloutSettings()
        variants = [:]
        disk = DiskLimits()
        scrubDays = Limits.scrubDays
    }

    /// Adds a label, or changes it.
    /// - Throws: `ConfigurationError` if the label is longer than a neighbour accepts, or one too many, or if a
    ///   selector of labels (`key=value,key=value`) could not name it.
    public mutating func setLabel(_ key: String, to value: String) throws(ConfigurationError) {
        let isKeyUsable = key.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value != 0x7F && $0 != "=" && $0 != ","
        }
        let isValueUsable = value.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0 != "," }
        guard isKeyUsable, isValueUsable, !value.isEmpty else {
            throw ConfigurationError(
                "a label's key has no blank, comma or equals sign, and its value no comma and is not empty: "
                    + "\(key)=\(value)")
        }
        guard Label(key: key, value: value) != nil else {
            throw ConfigurationError(
                "a label's key has from 1 to \(Limits.labelKeyByteCountMax) bytes and its value at most "
                    + "\(Limits.labelValueByteCountMax): \(key)=\(value)")
        }
        labels[key] = value
        guard labels.count <= Limits.labelCountMax else {
            throw ConfigurationError("a node has at most \(Limits.labelCountMax) labels")
        }
    }
}

/// Why a configuration cannot be used; the command ends with exit code 78.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
    /// One sentence with the place and the next step.
    public let description: String

    init(_ description: String) { self.description = description }
}
