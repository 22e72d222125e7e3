import Simulator

/// A report for people.
struct Summary {
    let scenario: Scenario
    let report: SimulationReport
    let wall: Duration

    init(_ scenario: Scenario, _ report: SimulationReport, wall: Duration) {
        self.scenario = scenario
        self.report = report
        self.wall = wall
    }

    var text: String {
        var lines = [
            "complete    \(report.completeCount) of \(report.nodeCount) nodes",
            "limit       \(fixed(report.limitSeconds)) s",
            "first       \(time(0))", "median      \(time(0.5))", "p95         \(time(0.95))", "last        \(time(1))",
            "seed        \(fixed(report.seedCopies)) copies of payload",
        ]
        if !report.joinerSeconds.isEmpty {
            lines.append("joined      last after \(fixed(report.joinerSeconds.last ?? 0)) s")
        }
        if let worst = report.rackCopies.max() {
            let mean = report.rackCopies.reduce(0, +) / Double(report.rackCopies.count)
            lines.append("into a rack \(fixed(mean)) copies on average, \(fixed(worst)) at most")
        }
        lines += [
            "a node got  \(fixed(report.receivedCopies.mean)) copies, \(fixed(report.receivedCopies.worst)) at most",
            "on a link   \(fixed(report.wireSentCopies)) copies sent, \(fixed(report.wireReceivedCopies)) received",
            "control     \(Int(report.controlByteCountPerNode)) bytes a node",
            "requests    \(report.requestCount), given up \(report.givenUpCount)",
            "unverified  \(report.unverifiedByteCountPeak) bytes at most",
            "events      \(report.eventCount) in the cores, \(report.happeningCount) in all",
            "wall time   \(fixed(seconds(wall))) s",
            "digest      \(hex(report.digest))",
        ]
        lines += report.violations.map { "VIOLATION   \($0)" }
        return lines.joined(separator: "\n")
    }

    private func time(_ share: Double) -> String {
        let seconds = report.seconds(atShare: share)
        return "\(fixed(seconds)) s, \(fixed(seconds / report.limitSeconds)) of the limit"
    }
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// Three decimals.
func fixed(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
    let thousandths = Int((abs(value) * 1000).rounded())
    let rest = String(thousandths % 1000)
    let zeros = String(repeating: "0", count: 3 - rest.count)
    return (value < 0 ? "-" : "") + "\(thousandths / 1000).\(zeros)\(rest)"
}

func hex(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
