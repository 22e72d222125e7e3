import DequeModule
import Swarm
import Units
import Wire

/// One node's half of a connection.
struct SimulatedLink {
    enum State { case free, dialling, open }

    /// Something that waits to be sent. Payload is cut into parcels when its turn comes.
    struct Item {
        var content: Content
        var byteCount: Int
    }

    /// A chunk that is being sent, a piece at a time.
    struct Source {
        let id: UploadID
        let chunk: ChunkIndex
        let byteCount: Int
        var offset = 0
        let isDamaged: Bool
    }

    /// What has come of a chunk that was asked for.
    struct Buffer {
        let chunk: ChunkIndex
        let byteCount: Int
        var received = 0
        var isDamaged = false
        let openedAt: Nanoseconds
    }

    var state = State.free
    var generation: UInt32 = 0
    var peer = LinkAddress(node: -1, slot: -1, generation: 0)
    var peerID = NodeID(exactly: Array(repeating: 0, count: 16))
    var target: DialTarget?
    var delay: Nanoseconds = 0

    var queue = Deque<Item>()
    /// Of what is in the queue.
    var queuedByteCount = 0
    var inFlightByteCount = 0
    var window: CongestionWindow
    var sources = Deque<Source>()
    /// A piece was handed to the kernel, which has not taken all of it.
    var isSending = false

    /// By the number of the request.
    var buffers: [RequestID: Buffer] = [:]

    var lastSent: Nanoseconds = 0
    var lastReceived: Nanoseconds = 0
    var hasOpenPing = false

    init(_ model: NetworkModel) { window = CongestionWindow(model) }

    /// Ends one use of the place, and leaves it ready for the next.
    mutating func clear(_ model: NetworkModel) {
        let generation = self.generation &+ 1
        self = SimulatedLink(model)
        self.generation = generation
    }

    /// What the kernel has not taken of what was written.
    func unacceptedByteCount(_ model: NetworkModel) -> Int { max(0, queuedByteCount - model.unsentByteCountMax) }
}
