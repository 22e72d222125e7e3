public import EventLoop
public import Units

/// One connected inference process. A number is never used twice while the agent runs.
public struct HandoffInstance: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number, from 1.
    public let number: UInt64

    init(_ number: UInt64) { self.number = number }

    /// For logs: `instance 7`.
    public var description: String { "instance \(number)" }

    /// In the order of connecting.
    public static func < (left: HandoffInstance, right: HandoffInstance) -> Bool { left.number < right.number }
}

/// Numbers the instances of one agent, however they are reached.
@LoopActor public final class HandoffNumbers {
    private var last: UInt64 = 0

    /// From 1.
    public nonisolated init() {}

    func next() -> HandoffInstance {
        last += 1
        return HandoffInstance(last)
    }
}

/// Who may bind which model. The kernel says who somebody is, never a message.
public struct HandoffRule: Sendable {
    /// The user that the inference process runs as.
    public let userID: UInt32
    /// Whether this user may bind a model.
    public let covers: @Sendable (ModelName) -> Bool

    /// A rule for one user. Without `covers`, for all models.
    public init(userID: UInt32, covers: @escaping @Sendable (ModelName) -> Bool = { _ in true }) {
        self.userID = userID
        self.covers = covers
    }

    /// What holds without a configuration: the agent's own user, and root, may bind any model.
    public static func defaults(agentUserID: UInt32) -> [HandoffRule] {
        agentUserID == 0 ? [HandoffRule(userID: 0)] : [HandoffRule(userID: agentUserID), HandoffRule(userID: 0)]
    }
}

/// Times and texts of the server; the defaults are the protocol's.
public struct HandoffSettings: Sendable {
    /// Software and version, for people.
    public var software = "shoal"
    /// From the connection to the hello.
    public var helloDeadline: Duration = .seconds(Limits.handoffHelloSeconds)
    /// How long a process may be silent.
    public var lease: Duration = .seconds(Limits.handoffLeaseSeconds)
    /// How many processes may be connected.
    public var sessionCountMax = Limits.handoffSessionCountMax

    /// The defaults.
    public init() {}
}

/// What a process said of itself, and what the kernel said of it.
public struct HandoffHello: Hashable, Sendable {
    /// The model that it serves.
    public let model: ModelName
    /// Its name; `pid-<pid>` if it gave none.
    public let name: String
    /// Software and version, for people; may be empty.
    public let runtime: String
    /// Who it is, by the kernel's word; nil for a server behind an adapter, to which nothing connects.
    public let credentials: PeerCredentials?
    /// Whether it can load a version beside the active one.
    public let canLoadBeside: Bool
    /// Whether it can run calibrations.
    public let canCalibrate: Bool
    /// Whether a load takes the place of what it serves: it is active once it is loaded, and what was is gone.
    public var loadReplaces = false
    /// What it serves.
    public let active: Digest?
    /// All that it has in memory.
    public let resident: [Digest]
}

/// What a process says about itself from time to time.
public struct HandoffReport: Hashable, Sendable {
    /// What it serves.
    public var active: Digest?
    /// Requests that run now.
    public var inFlightCount: Int?
    /// Requests since it started.
    public var requestCount: Int?
    /// Of those, how many failed.
    public var errorCount: Int?
    /// What those took, all together, that came to their end; 0 or more, and at most a century.
    public var busy: Duration?
}

/// What to load.
public struct HandoffLoad: Hashable, Sendable {
    /// The version.
    public let digest: Digest
    /// Its name, for people.
    public let tag: Tag?
    /// The hardware flavour.
    public let variant: VariantName
    /// The absolute folder of the version's files, complete and re-hashed.
    public let path: String
    /// How long the process may take.
    public let deadline: Duration

    /// Describes a load.
    /// - Precondition: `path` is absolute.
    public init(
        digest: Digest, tag: Tag?, variant: VariantName = .default, path: String,
        deadline: Duration = .seconds(Limits.rolloutLoadSecondsDefault)
    ) {
        precondition(path.hasPrefix("/"), "a load of the relative path \(path)")
        self.digest = digest
        self.tag = tag
        self.variant = variant
        self.path = path
        self.deadline = deadline
    }
}

/// What to run, and where the outputs go.
public struct HandoffCalibration: Hashable, Sendable {
    /// The version.
    public let digest: Digest
    /// The absolute path of the inputs, in the version's folder.
    public let inputs: String
    /// The absolute path of the file that the process makes, in a folder where it may write.
    public let outputs: String
    /// The version to compare times with; nil for none.
    public let beside: Digest?
    /// How long the process may take.
    public let deadline: Duration

    /// Describes a calibration.
    /// - Precondition: Both paths are absolute.
    public init(digest: Digest, inputs: String, outputs: String, beside: Digest?, deadline: Duration) {
        precondition(inputs.hasPrefix("/") && outputs.hasPrefix("/"), "a calibration with a relative path")
        self.digest = digest
        self.inputs = inputs
        self.outputs = outputs
        self.beside = beside
        self.deadline = deadline
    }
}

/// What a process says of a calibration that it ran.
public struct HandoffCalibrationReport: Hashable, Sendable {
    /// The samples that it ran.
    public let sampleCount: Int
    /// The 99th percentile of the samples' times, in milliseconds.
    public let latency: Double
    /// The same of the version beside it; nil if none was active.
    public let besideLatency: Double?
    /// What it holds for the version, by its own word.
    public let memory: ByteCount?
}
