public import Units

/// A node's label: what selectors of rollouts choose by.
public struct Label: Hashable, Sendable {
    /// 1 to 64 bytes.
    public let key: String
    /// At most 128 bytes.
    public let value: String

    /// Nil if a bound is broken.
    public init?(key: String, value: String) {
        guard (1...Limits.labelKeyByteCountMax).contains(key.utf8.count),
            value.utf8.count <= Limits.labelValueByteCountMax
        else { return nil }
        self.key = key
        self.value = value
    }
}

/// Each side's first frame.
public struct Hello: Hashable, Sendable {
    /// The minor version; 0.
    public let minorVersion: UInt16
    /// Feature bits; unknown ones are ignored.
    public let features: UInt64
    /// The version of the sender's newest root.
    public let rootVersion: UInt32
    /// True if the sender issues certificates.
    public let issuesCertificates: Bool
    /// 0; any other is answered with GOODBYE `unsupported`.
    public let lane: UInt8
    /// Drawn at random when the agent started.
    public let instance: UInt64
    /// The program's name and version; at most 64 bytes.
    public let software: String
    /// Where the sender listens; 0 if it does not.
    public let listeningPort: UInt16
    /// Where the sender can be reached besides where the connection comes from; at most 8.
    public let addresses: [IPAddress]
    /// At most 16, ascending by key.
    public let labels: [Label]

    /// Labels may come in any order.
    /// - Precondition: the bounds above, and no key twice.
    public init(
        rootVersion: UInt32, instance: UInt64, software: String, listeningPort: UInt16, addresses: [IPAddress] = [],
        labels: [Label] = [], issuesCertificates: Bool = false, minorVersion: UInt16 = 0, features: UInt64 = 0,
        lane: UInt8 = 0
    ) {
        precondition(software.utf8.count <= Limits.softwareByteCountMax, "software of \(software.utf8.count) bytes")
        precondition(addresses.count <= Limits.helloAddressCountMax, "\(addresses.count) addresses in HELLO")
        precondition(labels.count <= Limits.labelCountMax, "\(labels.count) labels")
        let sorted = labels.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        precondition(Self.isAscending(sorted), "a label's key is there twice")
        self.minorVersion = minorVersion
        self.features = features
        self.rootVersion = rootVersion
        self.issuesCertificates = issuesCertificates
        self.lane = lane
        self.instance = instance
        self.software = software
        self.listeningPort = listeningPort
        self.addresses = addresses
        self.labels = sorted
    }

    static func isAscending(_ labels: [Label]) -> Bool {
        zip(labels, labels.dropFirst()).allSatisfy { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
