public import Units
public import Wire

/// A status record that was verified. Shared, never changed.
public final class HeldStatus: Sendable {
    /// What it says.
    public let record: StatusRecord
    /// As it was signed: what neighbours get.
    public let signed: [UInt8]
    /// The certificate, in DER, under which the signature was checked.
    public let certificate: [UInt8]

    /// Whoever makes one has checked signature and certificate, or is the node itself.
    public init(record: StatusRecord, signed: [UInt8], certificate: [UInt8]) {
        self.record = record
        self.signed = signed
        self.certificate = certificate
    }
}

/// The newest that is known of one node.
public struct FleetRow: Sendable {
    /// What it said.
    public let status: HeldStatus
    /// When somebody heard it first, as far as is known.
    public let heardAt: Instant

    /// A row of a record that somebody heard then.
    public init(status: HeldStatus, heardAt: Instant) {
        self.status = status
        self.heardAt = heardAt
    }

    /// Which record it is.
    public var stamp: StatusStamp { status.record.stamp }
}

/// What happened. Times come with `Fleet.handle`.
public enum FleetEvent: Sendable {
    /// A neighbour has sent its first documents.
    case joined(NodeID)
    /// It is gone.
    case left(NodeID)
    /// It named records.
    case news([StatusNews], from: NodeID)
    /// It asked for records.
    case query([StatusQuestion], from: NodeID)
    /// It sent a record.
    case status(StatusFrame, from: NodeID)
    /// Answers `.check`.
    case checked(NodeID, StatusStamp, StatusVerdict)
    /// This node signed a record: the answer to `.report`.
    case reported(HeldStatus)
    /// Something changed that the own record tells.
    case changed
    /// A node is denied, or not any more.
    case denied(NodeID, Bool)
    /// An operator wants a node forgotten that will not come back.
    case forgotten(NodeID)
    /// The time of `.wakeAt` has come.
    case woken
}

/// What came of the check of a record.
public enum StatusVerdict: Sendable {
    /// Signature and certificate are right. The ages are the least and the most that the record's own date allows.
    case genuine(HeldStatus, age: Duration, ageMax: Duration = .seconds(Limits.statusLifetimeSeconds))
    /// The certificate that there was is not good for it: another one is needed.
    case needsCertificate
    /// It cannot be used; and whether whoever sent it has broken a rule.
    case refused(blames: Bool)
}

/// What is to be done, in this order.
public enum FleetEffect: Sendable {
    /// Send a frame.
    case send(Message, to: NodeID)
    /// Check a record under a certificate; answer with `.checked`, whatever comes of it.
    case check(NodeID, StatusStamp, signed: [UInt8], certificate: [UInt8])
    /// A neighbour broke a rule.
    case blame(NodeID, String)
    /// Sign a record of this node as it is now; answer with `.reported`.
    case report
    /// Somebody has a record of this node that is newer than its own: continue above it.
    case outrun(StatusStamp)
    /// A node's row is new, changed or gone.
    case updated(NodeID)
    /// Send `.woken` then. Replaces the one before.
    case wakeAt(Instant)
}
