public import Units
public import Wire

/// One neighbour or former neighbour, for status.
public struct NeighbourReport: Equatable, Sendable {
    /// The node.
    public let node: NodeID
    /// What becomes of it.
    public let state: State
    /// The shortest measured; nil if not measured yet.
    public let roundTrip: Duration?
    /// How near it is.
    public let distance: Distance
    /// Payload of chunks that came on this connection.
    public let receivedByteCount: Int64
    /// Payload of chunks that went out on it.
    public let sentByteCount: Int64
    /// Requests that wait for its answer.
    public let outstandingRequestCount: Int
    /// How often in a row it fell silent with requests open, until it answered one.
    public let stallCount: Int
    /// How often it was far slower than the others, until it answered a request.
    public let slowCount: Int
    /// Its requests that wait or are being answered.
    public let queuedUploadCount: Int

    /// What becomes of a neighbour.
    public enum State: Equatable, Sendable {
        /// A connection that works.
        case connected
        /// Connected, and asked to be left alone until then.
        case busy(until: Instant)
        /// Connected, with requests outstanding, and silent.
        case silent
        /// Not spoken to until then.
        case setAside(GoodbyeCode, until: Instant)
    }
}

/// How near a node is, by labels and round-trip time.
public enum Distance: Int, Comparable, Hashable, Sendable {
    case sameHost = 0
    case sameRack = 1
    case sameZone = 2
    case sameRegion = 3
    case far = 4

    /// Nearer first.
    public static func < (left: Distance, right: Distance) -> Bool { left.rawValue < right.rawValue }
}

/// One version, for status.
public struct VersionReport: Equatable, Sendable {
    /// The manifest's digest.
    public let version: Digest
    /// Chunks of its layout.
    public let chunkCount: Int
    /// Verified chunks that are here.
    public let heldChunkCount: Int
    /// Chunks that the plan needs.
    public let neededChunkCount: Int
    /// Bytes of the needed chunks that are here.
    public let heldByteCount: Int64
    /// Bytes of the needed chunks.
    public let neededByteCount: Int64
    /// Payload that came from neighbours and was verified.
    public let verifiedByteCount: Int64
    /// Payload that came and was of no use: late after a cancel, in a request that was lost, or with a wrong hash.
    public let wastedByteCount: Int64
    /// Payload sent to neighbours.
    public let sentByteCount: Int64
    /// Neighbours that hold something of it.
    public let sourceCount: Int
    /// Requests that are outstanding.
    public let outstandingRequestCount: Int
    /// What holds the fetch back.
    public let obstacle: Obstacle

    /// What holds a fetch back.
    public enum Obstacle: Hashable, Sendable {
        /// Nothing does, or nothing is missing.
        case none
        /// No neighbour at all.
        case noNeighbour
        /// No neighbour holds a missing chunk.
        case noSource
        /// A seed directs, and has offered nothing for a while.
        case waitingForOffer
        /// All sources are busy or silent.
        case sourcesBusy
        /// A write failed a short time ago.
        case cannotWrite
    }
}

/// Whether a node that connects, or would be dialled, is welcome.
public enum Admission: Equatable, Sendable {
    case welcome
    /// Say GOODBYE with that reason.
    case setAside(GoodbyeCode, until: Instant)
    /// Say GOODBYE `denied`.
    case denied
    /// Say GOODBYE `busy`.
    case full
}
