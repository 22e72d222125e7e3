import Manifest
import Testing
import Units

/// What a version must pass, as its manifest says it: documents.md, section 9.
@Suite struct GatesTests {
    private static let paths = [
        Note(key: "calibration.inputs", value: "calibration/in.safetensors"),
        Note(key: "calibration.outputs", value: "calibration/out.safetensors"),
    ]

    @Test func allGatesAreRead() throws {
        let gates = try Gates(
            Self.paths + [
                Note(key: "argmax.min", value: "1"), Note(key: "cosine.min", value: "-0.25"),
                Note(key: "difference.max", value: ".5"), Note(key: "latency.ratio.max", value: "1.5"),
                Note(key: "memory.max", value: "1073741824"), Note(key: "watch.errors.max", value: "0.1"),
                Note(key: "watch.latency.ratio.max", value: "3"), Note(key: "watch.seconds", value: "0"),
                Note(key: "watch.stall.seconds", value: "7"),
            ])
        #expect(gates.calibration?.inputs.text == "calibration/in.safetensors")
        #expect(gates.calibration?.outputs.text == "calibration/out.safetensors")
        #expect((gates.argmaxMin, gates.cosineMin) == (1, -0.25))
        #expect((gates.differenceMax, gates.latencyRatioMax) == (0.5, 1.5))
        #expect(gates.memoryMax == ByteCount(1 << 30))
        #expect((gates.watchErrorsMax, gates.watchSeconds) == (0.1, 0))
        #expect((gates.watchLatencyRatioMax, gates.watchStallSeconds) == (3, 7))
    }

    @Test func noGatesAreNone() throws { #expect(try Gates([]) == Gates()) }

    @Test(arguments: [
        ("cosine.min", "1.01"), ("cosine.min", "nan"), ("cosine.min", "inf"), ("cosine.min", "0x1"),
        ("cosine.min", "1e-3"), ("cosine.min", " 0.5"), ("cosine.min", "+0.5"), ("cosine.min", "0.5."),
        ("cosine.min", "--1"), ("cosine.min", ""), ("cosine.min", "-"), ("cosine.min", "."), ("cosine.min", "0,5"),
        ("cosine.min", "0.000000000000000000000001"), ("latency.ratio.max", "0"), ("difference.max", "-1"),
        ("memory.max", "1.5"), ("memory.max", "-1"), ("memory.max", "99999999999999999999"), ("memory.max", ""),
        ("watch.seconds", "86401"), ("watch.errors.max", "1.1"), ("watch.latency.ratio.max", "0"), ("colour", "red"),
        ("COSINE.MIN", "0.5"),
        ("calibration.inputs", "../in"), ("calibration.inputs", "/in"),
    ])
    func whatIsNotUnderstoodIsNamed(key: String, value: String) {
        let others = Self.paths.filter { $0.key != key }
        #expect(throws: GateError.self) { _ = try Gates(others + [Note(key: key, value: value)]) }
    }

    @Test(arguments: ["calibration.inputs", "calibration.outputs"])
    func inputsAndOutputsComeTogether(key: String) {
        #expect(throws: GateError.self) { _ = try Gates([Note(key: key, value: "a")]) }
    }

    @Test(arguments: ["cosine.min", "difference.max", "argmax.min", "latency.ratio.max"])
    func aLimitOfACalibrationNeedsOne(key: String) {
        #expect(throws: GateError.self) { _ = try Gates([Note(key: key, value: "1")]) }
    }
}
