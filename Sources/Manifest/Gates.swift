public import Units

/// What a version must pass on a node before it serves there, and for a while after: `documents.md`, section 9.
public struct Gates: Hashable, Sendable {
    /// Files of every variant, as safetensors.
    public struct Calibration: Hashable, Sendable {
        /// What goes in.
        public var inputs: FilePath
        /// What must come out.
        public var outputs: FilePath

        /// The paths in a variant.
        public init(inputs: FilePath, outputs: FilePath) {
            self.inputs = inputs
            self.outputs = outputs
        }
    }

    /// What is run before the switch; nil for nothing.
    public var calibration: Calibration?
    /// The least cosine between a sample's expected and actual output, -1 to 1.
    public var cosineMin: Double?
    /// The largest difference between two numbers at the same place.
    public var differenceMax: Double?
    /// The share of samples whose largest element is where it should be, 0 to 1.
    public var argmaxMin: Double?
    /// The candidate's p99 over that of the version which serves.
    public var latencyRatioMax: Double?
    /// What the version may take in memory.
    public var memoryMax: ByteCount?
    /// How long the node looks at the version after the switch.
    public var watchSeconds: Int?
    /// The share of requests that may fail in that time, 0 to 1.
    public var watchErrorsMax: Double?
    /// How many times longer than before requests may take on average in that time.
    public var watchLatencyRatioMax: Double?
    /// How long requests may run in that time without one of them coming to its end.
    public var watchStallSeconds: Int?

    /// No gate.
    public init() {}

    /// Reads a manifest's gates.
    /// - Throws: a GateError for a name or a value that this implementation does not understand, or a gate that needs
    ///   another.
    public init(_ notes: [Note]) throws(GateError) {
        var paths: (inputs: FilePath?, outputs: FilePath?)
        for note in notes {
            guard let gate = Name(rawValue: note.key) else { throw GateError(gate: note.key, detail: "unknown") }
            switch gate {
            case .inputs: paths.inputs = try Self.path(note)
            case .outputs: paths.outputs = try Self.path(note)
            case .cosine: cosineMin = try Self.number(note, in: -1...1)
            case .difference: differenceMax = try Self.number(note, in: 0...Double.greatestFiniteMagnitude)
            case .argmax: argmaxMin = try Self.number(note, in: 0...1)
            case .latency: latencyRatioMax = try Self.number(note, in: Self.positive)
            case .memory: memoryMax = ByteCount(try Self.whole(note, in: 0...Int64.max))
            case .watch: watchSeconds = Int(try Self.whole(note, in: 0...Int64(Limits.rolloutWatchSecondsMax)))
            case .watchErrors: watchErrorsMax = try Self.number(note, in: 0...1)
            case .watchLatency: watchLatencyRatioMax = try Self.number(note, in: Self.positive)
            case .watchStall:
                watchStallSeconds = Int(try Self.whole(note, in: 1...Int64(Limits.rolloutStallSecondsMax)))
            }
        }
        guard (paths.inputs == nil) == (paths.outputs == nil) else {
            throw GateError(gate: Name.inputs.rawValue, detail: "needs \(Name.outputs.rawValue), and that needs it")
        }
        if let inputs = paths.inputs, let outputs = paths.outputs {
            calibration = Calibration(inputs: inputs, outputs: outputs)
        } else if let lonely = [Name.cosine, .difference, .argmax, .latency].first(where: { name in
            notes.contains { $0.key == name.rawValue }
        }) {
            throw GateError(gate: lonely.rawValue, detail: "needs \(Name.inputs.rawValue)")
        }
    }

    private enum Name: String {
        case inputs = "calibration.inputs"
        case outputs = "calibration.outputs"
        case cosine = "cosine.min"
        case difference = "difference.max"
        case argmax = "argmax.min"
        case latency = "latency.ratio.max"
        case memory = "memory.max"
        case watch = "watch.seconds"
        case watchErrors = "watch.errors.max"
        case watchLatency = "watch.latency.ratio.max"
        case watchStall = "watch.stall.seconds"
    }

    private static let positive = Double.leastNonzeroMagnitude...Double.greatestFiniteMagnitude

    private static func path(_ note: Note) throws(GateError) -> FilePath {
        guard let path = FilePath(note.value) else { throw GateError(gate: note.key, detail: "no path: \(note.value)") }
        return path
    }

    private static func number(_ note: Note, in range: ClosedRange<Double>) throws(GateError) -> Double {
        let digits = note.value.utf8.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.count
        let others = note.value.hasPrefix("-") ? note.value.dropFirst() : note.value[...]
        let points = others.utf8.filter { $0 == UInt8(ascii: ".") }.count
        guard digits >= 1, points <= 1, others.utf8.count == digits + points,
            note.value.utf8.count <= Limits.gateNumberByteCountMax, let number = Double(note.value),
            range.contains(number)
        else { throw GateError(gate: note.key, detail: "no number in its range: \(note.value)") }
        return number
    }

    private static func whole(_ note: Note, in range: ClosedRange<Int64>) throws(GateError) -> Int64 {
        guard note.value.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let number = Int64(note.value), range.contains(number)
        else { throw GateError(gate: note.key, detail: "no whole number in its range: \(note.value)") }
        return number
    }
}

/// A gate that is not understood. The version must not serve: the gate was put there to keep something out.
public struct GateError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The gate's name.
    public let gate: String
    /// What is wrong with it.
    public let detail: String

    /// For people.
    public var description: String { "gate \(gate): \(detail); upgrade this agent, or publish without it" }
}
