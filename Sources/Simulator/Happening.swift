import Swarm
import Units
import Wire

/// One end of a connection: a place in a node's table of links, and which connection that place is used for.
struct LinkAddress: Equatable {
    let node: Int32
    let slot: Int32
    let generation: UInt32
}

/// What one frame, or several frames of one upload, carry.
enum Content {
    case data(request: RequestID, offset: Int32, byteCount: Int32, isDamaged: Bool)
    case message(Message)
    case ping(sentAt: Nanoseconds)
    case pong(sentAt: Nanoseconds)
    /// The answer to a dial: HELLO of the node that was dialled.
    case accepted(by: LinkAddress)
    case goodbye
}

/// Something that travels along a connection. It is in one place at a time: whoever has it may change it.
final class Parcel {
    let to: LinkAddress
    let from: LinkAddress
    /// With headers.
    let wireByteCount: Int32
    /// Bytes that count against the sender's window.
    let windowByteCount: Int32
    /// When its last byte can be there at the earliest.
    var tail: Nanoseconds
    var isCongested: Bool
    let content: Content

    init(
        _ content: Content, from: LinkAddress, to: LinkAddress, wireByteCount: Int, windowByteCount: Int,
        tail: Nanoseconds, isCongested: Bool = false
    ) {
        self.content = content
        self.from = from
        self.to = to
        self.wireByteCount = Int32(wireByteCount)
        self.windowByteCount = Int32(windowByteCount)
        self.tail = tail
        self.isCongested = isCongested
    }
}

/// A dial on its way.
struct Dial {
    let from: LinkAddress
    let id: NodeID
    let rack: Int
}

/// What happens to a node.
enum Happening {
    /// The first byte of a parcel is at the uplink of the sender's rack.
    case leaving(Parcel)
    /// The first byte of a parcel is at the receiver's end of the network.
    case head(Parcel)
    /// The last byte is there.
    case arrival(Parcel)
    case acknowledgement(LinkAddress, byteCount: Int32, isCongested: Bool)
    case wake
    /// Once a second: who is silent?
    case watch
    case stored(ChunkTicket, isDamaged: Bool)
    case dialArrival(Dial)
    /// The node that was dialled has no room, and named others.
    case turnedAway(LinkAddress, Peers)
    case dialRefused(LinkAddress, DialFailure)
    case dialTimeout(LinkAddress)
    /// The other end of the connection is gone.
    case reset(LinkAddress)
    /// What `DialTarget` led to this node itself.
    case metItself(DialTarget)
    case rechecked(Digest, ChunkIndex)
    case start
    case plan
    case die
}
