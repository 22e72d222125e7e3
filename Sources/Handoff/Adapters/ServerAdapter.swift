import EventLoop
import Units

/// Why a server behind an adapter did not do what it was asked.
enum ServerFault: Error {
    /// It answered, and said no; or it took too long.
    case refused(HandoffFailure)
    /// It does not answer, for reasons that may pass. Nothing has happened.
    case silent(String)
    /// It has ended.
    case gone(String)
    /// The agent ends, and what was begun is left as it is: nobody knows what comes of it.
    case ending

    /// For logs.
    var words: String {
        switch self {
        case .refused(let failure): failure.description
        case .silent(let words), .gone(let words): words
        case .ending: "the agent ends"
        }
    }

    /// What a step is answered with.
    var failure: HandoffFailure {
        switch self {
        case .refused(let failure): failure
        case .silent(let words): HandoffFailure(.internal, plainText(words), isRetryable: true)
        case .gone(let words): HandoffFailure(.internal, plainText(words))
        case .ending: HandoffFailure(.shuttingDown, words)
        }
    }
}

/// What a server says of itself when it is found: a hello without a connection.
struct ServerGreeting {
    /// Software and version, for people.
    var runtime = ""
    var canCalibrate = false
    /// Whether it serves what it loaded, without being told to switch.
    var loadReplaces = false
    var active: Digest?
    var resident: [Digest] = []
}

/// What a server says when it is looked at.
struct ServerLook {
    var report: HandoffReport
    /// All that it has in memory; nil if it does not say.
    var resident: Set<Digest>?
}

/// A step that an adapter carries out. It may be called off meanwhile, and is asked about it where that helps.
@LoopActor final class ServerStep {
    let digest: Digest?
    private(set) var isCalledOff = false

    init(_ digest: Digest?) { self.digest = digest }

    func callOff() { isCalledOff = true }

    static let cancelled = HandoffFailure(.cancelled, "it is not wanted any more")
}

/// One model on one server that speaks something else than `handoff/1`: each verb in the server's own words.
///
/// One call at a time, from an `AdapterSession`.
@LoopActor protocol ServerAdapter: AnyObject {
    /// What stands where a process would give its name.
    var name: String { get }
    /// How long what served before still has requests, after a switch.
    var drainTime: Duration { get }
    /// The versions whose files the server may open at any time, whether it answers or not.
    var named: Set<Digest> { get }
    /// Called when there is news that `look` would tell.
    var onNews: (@LoopActor () -> Void)? { get set }

    /// Finds the server and asks what it is and serves; finishes what an agent before left half done.
    func greet() async throws(ServerFault) -> ServerGreeting
    /// Asks what it serves.
    func look() async throws(ServerFault) -> ServerLook
    /// Has a version loaded. When it fails, what served before serves still, as far as that is in anybody's power.
    func load(_ load: HandoffLoad, _ step: ServerStep) async throws(ServerFault) -> ByteCount?
    /// Has the calibration inputs run.
    func calibrate(_ calibration: HandoffCalibration) async throws(ServerFault) -> HandoffCalibrationReport
    /// Has a loaded version serve, if `expected` does now.
    func activate(_ switching: ServerSwitch) async throws(ServerFault)
    /// Has a version let go of. True if it is gone already; else `look` says when it is.
    func release(_ digest: Digest) async throws(ServerFault) -> Bool
    /// The server is away, and a version must not be what it starts with.
    func withdraw(_ digest: Digest) async
    /// The agent is about to end: what is waited for is waited for no longer.
    func willEnd()
    /// The agent ends, and with it what is its own.
    func end() async
}

/// A switch to a loaded version.
struct ServerSwitch {
    let digest: Digest
    let tag: Tag?
    let expected: Digest?
    let deadline: Duration
}

/// What many leave out.
extension ServerAdapter {
    func willEnd() {}

    func calibrate(_ calibration: HandoffCalibration) async throws(ServerFault) -> HandoffCalibrationReport {
        throw .refused(HandoffFailure(.unsupported, "this adapter runs no calibrations"))
    }
}

/// Waits, whether or not the task is cancelled: `Task.sleep` would return at once, and a loop around it would spin.
@LoopActor func pause(_ duration: Duration) async { await Bell().wait(atMost: duration) }
