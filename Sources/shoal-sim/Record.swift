import Simulator

/// A report for programs: one JSON object, keys in snake_case.
struct Record {
    private var fields: [(key: String, value: String)] = []

    init(_ scenario: Scenario, _ outcome: Outcome) {
        let report = outcome.report
        add("schema", "\"shoal-sim/1\"")
        add("seed", "\(scenario.seed)")
        add("nodes", "\(report.nodeCount)")
        add("complete", "\(report.completeCount)")
        add("size_bytes", "\(scenario.byteCount)")
        add("chunk_bytes", "\(scenario.chunkByteCount)")
        add("limit_seconds", number(report.limitSeconds))
        for (name, share) in [("first", 0.0), ("median", 0.5), ("p95", 0.95), ("last", 1.0)] {
            add("\(name)_seconds", number(report.seconds(atShare: share)))
        }
        add("last_over_limit", number(report.lastOverLimit))
        add("completion_seconds", list(report.completionSeconds))
        add("joiner_seconds", list(report.joinerSeconds))
        add("seed_copies", number(report.seedCopies))
        add("rack_copies", list(report.rackCopies))
        add("received_copies_mean", number(report.receivedCopies.mean))
        add("received_copies_max", number(report.receivedCopies.worst))
        add("wire_sent_copies", number(report.wireSentCopies))
        add("wire_received_copies", number(report.wireReceivedCopies))
        add("control_bytes_per_node", number(report.controlByteCountPerNode))
        add("unverified_bytes_max", "\(report.unverifiedByteCountPeak)")
        add("requests", "\(report.requestCount)")
        add("requests_given_up", "\(report.givenUpCount)")
        add("core_events", "\(report.eventCount)")
        add("events", "\(report.happeningCount)")
        add("digest", "\"\(hex(report.digest))\"")
        add("link_use_step_seconds", number(report.linkUse.stepSeconds))
        let uses = [
            ("seed_up", report.linkUse.seedUp), ("nodes_up", report.linkUse.nodesUp),
            ("nodes_down", report.linkUse.nodesDown), ("racks", report.linkUse.racks),
        ]
        for (name, use) in uses { add("link_use_\(name)", list(use)) }
        add("wall_seconds", number(outcome.wallSeconds))
        add("resident_bytes_max", "\(outcome.residentByteCount)")
        let use = report.linkUse
        let shares = [
            ("seed_up", use.seedUp), ("nodes_up", use.nodesUp), ("nodes_down", use.nodesDown), ("racks_up", use.racks),
        ]
        add(
            "link_use",
            "{\"step_seconds\": \(number(use.stepSeconds)), "
                + shares.map { "\"\($0.0)\": \(list($0.1))" }.joined(separator: ", ") + "}")
        add("violations", "[" + report.violations.map { quoted($0.description) }.joined(separator: ", ") + "]")
    }

    var text: String { "{" + fields.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ") + "}" }

    private mutating func add(_ key: String, _ value: String) { fields.append((key, value)) }

    private func number(_ value: Double) -> String { value.isFinite ? fixed(value) : "null" }

    private func list(_ values: [Double]) -> String { "[" + values.map(number).joined(separator: ", ") + "]" }

    private func quoted(_ text: String) -> String {
        let escaped = text.map { character in
            switch character {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            default: String(character)
            }
        }
        return "\"" + escaped.joined() + "\""
    }
}
