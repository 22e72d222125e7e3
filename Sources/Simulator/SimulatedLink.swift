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
    /// When the latest parcel began to leave, and to leave the rack, and when the latest came whole: a stream keeps its
    /// order.
    var lastLeft: Nanoseconds = 0
    var lastLeftRack: Nanoseconds = 0
    var lastArrival: Nanoseconds = 0
    var window: CongestionWindow
    var sources = Deque<Source>()
    /// A piece was handed to the kernel, which has not taken all of it.
    var isSending = false

    /// By the number of the request.
    var buffers = SmallTable<RequestID, Buffer>()

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

    // MARK: The stream

    /// True if nothing waits before a control frame, which the window always lets through then.
    mutating func mayOvertakeNothing(at now: Nanoseconds, _ model: NetworkModel) -> Bool {
        guard queue.isEmpty, inFlightByteCount == 0 || inFlightByteCount <= Int(window.byteCount) else { return false }
        window.noteSending(at: now, isIdle: inFlightByteCount == 0, model)
        return true
    }

    /// What may be sent now: the first of the queue, or a part of it. Nil if nothing waits, or the window is full.
    mutating func takeNext(at now: Nanoseconds, _ model: NetworkModel) -> (content: Content, payload: Int)? {
        guard let byteCount = queue.first?.byteCount else { return nil }
        let isIdle = inFlightByteCount == 0
        let count = min(byteCount, model.quantumByteCount)
        guard isIdle || count <= Int(window.byteCount) - inFlightByteCount else { return nil }
        window.noteSending(at: now, isIdle: isIdle, model)
        inFlightByteCount += count
        guard case .data(let request, let offset, _, let isDamaged) = queue[0].content, count < byteCount else {
            queuedByteCount -= max(count, 1)
            return (queue.removeFirst().content, count)
        }
        queuedByteCount -= count
        queue[0] = Item(
            content: .data(
                request: request, offset: offset + Int32(count), byteCount: Int32(byteCount - count),
                isDamaged: isDamaged),
            byteCount: byteCount - count)
        return (.data(request: request, offset: offset, byteCount: Int32(count), isDamaged: isDamaged), count)
    }

    mutating func takeAcknowledgement(
        of byteCount: Int, isCongested: Bool, at now: Nanoseconds, _ model: NetworkModel
    ) {
        inFlightByteCount -= byteCount
        window.noteAcknowledged(byteCount, isCongested: isCongested, at: now, model)
    }

    /// What the kernel has not taken of what was written.
    func unacceptedByteCount(_ model: NetworkModel) -> Int { max(0, queuedByteCount - model.unsentByteCountMax) }
}
