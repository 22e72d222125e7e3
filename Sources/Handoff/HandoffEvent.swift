public import EventLoop
public import Units

/// What inference processes do and say. Events of one process come in the order in which it sent them.
///
/// No event is delivered from within a command to the server, so commands may be given while effects are drained.
public enum HandoffEvent: Hashable, Sendable {
    /// A process connected and was welcomed.
    case attached(HandoffInstance, HandoffHello)
    /// It is gone; in order, if it said goodbye or the agent ended the connection for no fault of its. What it was
    /// asked and had not answered will not be answered any more.
    case detached(HandoffInstance, inOrder: Bool, reason: String)
    /// It said what it serves.
    case reported(HandoffInstance, HandoffReport)
    /// A load goes on.
    case progressed(HandoffInstance, Digest, fraction: Double)
    /// A load succeeded.
    case loaded(HandoffInstance, Digest, memory: ByteCount?)
    /// A load failed, or took too long.
    case loadFailed(HandoffInstance, Digest, HandoffFailure)
    /// The calibration inputs were run.
    case calibrated(HandoffInstance, Digest, HandoffCalibrationReport)
    /// They were not, or not in time.
    case calibrationFailed(HandoffInstance, Digest, HandoffFailure)
    /// A switch succeeded.
    case activated(HandoffInstance, Digest)
    /// A switch failed; for `.conflict`, `active` of the failure says what is served.
    case activateFailed(HandoffInstance, Digest, HandoffFailure)
    /// No request uses the version any more.
    case drained(HandoffInstance, Digest)
    /// The process holds nothing of the version any more.
    case released(HandoffInstance, Digest)
    /// A connection was turned away; for the log.
    case refused(PeerCredentials?, HandoffFailure)
    /// Something about a server behind an adapter; for the log.
    case noted(ModelName, String)
}
