internal import Files
internal import Handoff
internal import Manifest
internal import Rollout
internal import Units

/// What came of a calibration.
enum CalibrationVerdict: Sendable {
    case passed
    case failed(RolloutFault)
    /// Only its time was too long, which on a busy node may be the node's fault: worth measuring again.
    case slow(RolloutFault)
}

/// Compares what a candidate gave with what its publisher expects.
enum CalibrationJudge {
    /// Which gate says no, or what is wrong with the outputs. Blocks: for the pool.
    static func verdict(
        expected: any ReadableFile, actual: any ReadableFile, _ report: HandoffCalibrationReport, _ gates: Gates
    ) -> CalibrationVerdict {
        if let fault = fault(expected: expected, actual: actual, report, gates) { return .failed(fault) }
        return latencyFault(of: report, gates).map { .slow(RolloutFault($0, isTheVersions: true)) } ?? .passed
    }

    private static func fault(
        expected: any ReadableFile, actual: any ReadableFile, _ report: HandoffCalibrationReport, _ gates: Gates
    ) -> RolloutFault? {
        if let fault = fault(ofMemory: report.memory, gates) { return RolloutFault(fault, isTheVersions: true) }
        let wanted: SampleFile
        do {
            wanted = try SampleFile(expected)
        } catch {
            return RolloutFault("the file of expected outputs \(error)", isTheVersions: error is SampleFileError)
        }
        do {
            let comparison = try compare(wanted, try SampleFile(actual), report)
            return comparison.fault(against: gates).map { RolloutFault($0, isTheVersions: true) }
        } catch {
            return RolloutFault("the candidate's outputs: the file \(error)", isTheVersions: error is SampleFileError)
        }
    }

    private static func compare(
        _ expected: SampleFile, _ actual: SampleFile, _ report: HandoffCalibrationReport
    ) throws -> OutputComparison {
        guard actual.sampleCount == expected.sampleCount, report.sampleCount == expected.sampleCount else {
            throw SampleFileError("has \(actual.sampleCount) samples, not \(expected.sampleCount)")
        }
        var comparison = OutputComparison()
        for (name, wanted) in expected.tensors.sorted(by: { $0.key < $1.key }) {
            guard let got = actual.tensors[name] else { throw SampleFileError("lacks the output \(name)") }
            guard got.sampleShape == wanted.sampleShape else {
                throw SampleFileError("has \(name) in the shape \(got.sampleShape) a sample, not \(wanted.sampleShape)")
            }
            for index in 0..<expected.sampleCount {
                comparison.add(
                    name, expected: try expected.sample(index, of: wanted), actual: try actual.sample(index, of: got))
            }
        }
        return comparison
    }

    private static func latencyFault(of report: HandoffCalibrationReport, _ gates: Gates) -> String? {
        guard let most = gates.latencyRatioMax, let beside = report.besideLatency else { return nil }
        guard report.latency.isFinite, beside > 0, report.latency <= most * beside else {
            let times = "\(report.latency) ms against \(beside) ms of the version that serves"
            return "its p99 is \(times), and \(most) times that is the most (latency.ratio.max)"
        }
        return nil
    }

    /// What the process says that it holds, against the version's gate.
    static func fault(ofMemory memory: ByteCount?, _ gates: Gates) -> String? {
        guard let most = gates.memoryMax, let memory, memory > most else { return nil }
        return "it takes \(memory) of memory, and \(most) is the most (memory.max)"
    }
}
