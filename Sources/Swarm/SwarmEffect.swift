public import Units
public import Wire

/// What the shell is to do. Effects are independent of each other and are carried out in order.
public enum SwarmEffect: Equatable, Sendable {
    /// Send one frame.
    case send(Message, to: NodeID)
    /// Send REQUEST with the ticket's number, and keep a buffer of this many bytes under (source, request).
    case request(ChunkTicket, byteCount: Int)
    /// The bytes of this request are not wanted any more. (When a neighbour is lost or disconnected, its buffers go
    /// without being named, except those being verified.)
    case dropBuffer(NodeID, request: RequestID)
    /// The chunk is complete: hash it, and write it if the hash agrees. Exactly one of `chunkVerified`, `chunkRejected`
    /// and `chunkWriteFailed` must follow, even if the source is gone by then.
    case verify(ChunkTicket)
    /// Send the chunk as DATA; then `uploadFinished` or `uploadFailed`. Progress in between is welcome.
    case startUpload(UploadID, version: Digest, chunk: ChunkIndex)
    /// Send no more of it. Nothing needs to follow.
    case stopUpload(UploadID)
    /// Everything that the plan needs is verified and written.
    case completed(Digest)
    /// Re-hash a held chunk that a neighbour says is bad; then `chunkRechecked`.
    case recheck(Digest, ChunkIndex)
    /// Send a PING now; its PONG is `roundTripMeasured`.
    case probe(NodeID)
    /// Connect; then `neighbourConnected` or `dialFailed`.
    case dial(DialTarget)
    /// Send GOODBYE with the reason, and close. The core has forgotten the neighbour.
    case disconnect(NodeID, because: GoodbyeCode)
    /// Hand in `timePassed` at this moment. It replaces the moment asked for before.
    case wakeAt(Instant)
    /// Something that a log or a person may want to know.
    case note(SwarmNote)
}

/// What the core has to say without anything to be done.
public enum SwarmNote: Equatable, Sendable {
    /// A node is not spoken to until then.
    case setAside(NodeID, because: GoodbyeCode, until: Instant)
    /// This many requests were taken from a source that fell silent.
    case sourceSilent(NodeID, requestCount: Int)
    /// This many requests were taken from a source that was far slower than the others.
    case sourceSlow(NodeID, requestCount: Int)
    /// The chunk was damaged here and is withdrawn.
    case chunkDamaged(Digest, ChunkIndex)
    /// Each chunk of a directed version is held by some neighbour.
    case copyIsOut(Digest)
}
