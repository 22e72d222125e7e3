public import Units

/// Where chunk payload came from.
public enum ByteSource: UInt8, Hashable, Sendable, CaseIterable {
    /// Another agent.
    case neighbour = 0
    /// An origin that this node's configuration names.
    case origin = 1
    /// This machine: published here, or found in another version.
    case local = 2
}

/// Chunk payload of one variant, counted over restarts.
public struct ReceivedBytes: Hashable, Sendable {
    /// From other agents.
    public var neighbour: ByteCount = 0
    /// From configured origins.
    public var origin: ByteCount = 0
    /// From this machine.
    public var local: ByteCount = 0
    /// Payload that came and was thrown away: duplicates and wrong hashes.
    public var wasted: ByteCount = 0

    /// Zeros.
    public init() {}

    /// Adds verified payload.
    public mutating func add(_ byteCount: ByteCount, from source: ByteSource) {
        switch source {
        case .neighbour: neighbour += byteCount
        case .origin: origin += byteCount
        case .local: local += byteCount
        }
    }
}
