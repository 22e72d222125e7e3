import FoundationEssentials
import Testing

@testable import Control

/// JSON of any shape.
indirect enum JSON: Decodable, Equatable {
    case null
    case flag(Bool)
    case number(Int64)
    case fraction(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .number(value)
        } else if let value = try? container.decode(Double.self) {
            self = .fraction(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    static func of(_ value: some Encodable) throws -> JSON {
        try JSONDecoder().decode(JSON.self, from: Data(ControlJSON.encode(value)))
    }

    subscript(_ key: String) -> JSON? { if case .object(let fields) = self { fields[key] } else { nil } }
    subscript(_ index: Int) -> JSON? { if case .list(let items) = self { items[index] } else { nil } }
    var keys: Set<String> { if case .object(let fields) = self { Set(fields.keys) } else { [] } }
}

/// The shape that scripts rely on.
@Suite struct StatusReportTests {
    private func report() -> StatusReport {
        let node = NodeStatus(
            id: "aa", name: "quay", cluster: "bb", labels: ["rackUnit": "u 7", "Zone_A": "1"],
            listen: "127.0.0.1:7447", software: "shoal", startedAt: "2026-01-01T00:00:00Z", state: "running",
            certificateExpires: "2026-04-01T00:00:00Z", issuer: true)
        let neighbour = NeighbourStatus(
            id: "cc", name: "berth", address: "127.0.0.1:1", state: "gone", reason: "ended", roundTripMs: 0,
            receivedBytes: 1 << 40, sentBytes: 2)
        var served = ModelStatus(model: "fish", version: "dd", tag: "1", channel: "stable", state: "serving")
        served.serving = .init(version: "dd", tag: "1", since: "2026-01-01T00:00:00Z")
        served.slowestNeighbour = .init(
            id: "ee", name: "mole", chunks: 1, chunksTotal: 4, quietSeconds: 0.5, cause: "elsewhere")
        let fetch = FetchStatus(model: "fish", version: "dd", tag: "1", startedAt: "2026-01-01T00:00:00Z")
        var over = fetch
        over.efficiency = 0.934
        over.slowestSource = .init(id: "cc", name: "berth", bytesPerSecond: 7, cause: "slow")
        over.sources = [
            .init(id: "cc", name: "berth", bytes: 9, busySeconds: 0.25, bytesPerSecond: 36, refusedChunks: 0)
        ]
        return StatusReport(
            node: node, neighbours: [neighbour], models: [ModelStatus(model: "fish"), served], fetches: [fetch],
            recentFetches: [over])
    }

    @Test func theKeysAreTheOnesThatWerePromised() throws {
        let status = try JSON.of(report())
        #expect(status.keys == ["schema", "node", "neighbours", "models", "fetches", "recent_fetches"])
        let node: Set = ["id", "name", "cluster", "labels", "listen", "software", "started_at", "state"]
        #expect(status["node"]?.keys == node.union(["certificate_expires", "issuer"]))
        #expect(
            status["neighbours"]?[0]?.keys == [
                "id", "name", "address", "state", "reason", "round_trip_ms", "received_bytes", "sent_bytes",
            ])
        let model: Set = [
            "model", "version", "tag", "channel", "variant", "bytes_total", "bytes_verified", "wasted_bytes", "stale",
            "error", "state", "received_bytes", "serving", "slowest_neighbour",
        ]
        #expect(status["models"]?[0]?.keys == model.union(["current"]))
        #expect(status["models"]?[0]?["received_bytes"]?.keys == ["neighbour", "origin", "local"])
        #expect(status["models"]?[1]?["serving"]?.keys == ["version", "tag", "since"])
    }

    @Test func whatNobodyServesIsNullAndCountsAreNumbers() throws {
        let row = try #require(try JSON.of(report())["models"]?[0])
        #expect(row["serving"] == .null)
        for key in ["bytes_total", "bytes_verified", "wasted_bytes"] { #expect(row[key] == .number(0), "\(key)") }
        #expect(row["received_bytes"]?["origin"] == .number(0))
        #expect(row["state"] == .text("waiting") && row["stale"] == .flag(false))
        #expect(try JSON.of(report())["neighbours"]?[0]?["received_bytes"] == .number(1 << 40))
    }

    @Test func aFetchHasEveryKeyAlsoWhereNothingIsKnownYet() throws {
        let status = try JSON.of(report())
        let keys: Set = [
            "model", "version", "tag", "started_at", "ended_at", "seconds", "bytes_total", "bytes_done",
            "received_bytes", "reused_bytes", "wasted_bytes", "refused_chunks", "bytes_per_second",
            "mean_bytes_per_second", "limit_bytes_per_second", "limit_from", "efficiency", "seconds_left",
            "held_up_by", "main_hold_up", "shares", "sources", "slowest_source",
        ]
        #expect(status["fetches"]?[0]?.keys == keys && status["recent_fetches"]?[0]?.keys == keys)
        #expect(status["fetches"]?[0]?["slowest_source"] == .null)
        #expect(status["models"]?[0]?["slowest_neighbour"] == .null)
        #expect(status["fetches"]?[0]?["shares"]?.keys == ["waiting", "source", "own_link", "hashing", "disk"])
        let over = status["recent_fetches"]?[0]
        #expect(over?["slowest_source"]?.keys == ["id", "name", "bytes_per_second", "cause"])
        let source: Set = ["id", "name", "bytes", "busy_seconds", "bytes_per_second", "refused_chunks"]
        #expect(over?["sources"]?[0]?.keys == source)
        let slowest: Set = ["id", "name", "chunks", "chunks_total", "quiet_seconds", "cause"]
        #expect(status["models"]?[1]?["slowest_neighbour"]?.keys == slowest)
        #expect(String(decoding: ControlJSON.encode(report()), as: UTF8.self).contains("\"efficiency\":0.934,"))
    }

    @Test func labelsKeepTheirSpelling() throws {
        #expect(try JSON.of(report())["node"]?["labels"]?.keys == ["rackUnit", "Zone_A"])
        let back = try ControlJSON.decode(StatusReport.self, from: ControlJSON.encode(report()))
        #expect(back.node.labels == ["rackUnit": "u 7", "Zone_A": "1"])
    }

    @Test func whatIsEncodedDecodesToTheSame() throws {
        let line = ControlJSON.encode(report())
        #expect(!line.contains(UInt8(ascii: "\n")))
        #expect(ControlJSON.encode(try ControlJSON.decode(StatusReport.self, from: line)) == line)
    }

    @Test func anErrorIsItsNumberWordsAndHint() throws {
        let error = ControlError(.noAgent, "none", hint: "Start it.")
        #expect(
            try JSON.of(error) == .object(["exit": .number(69), "message": .text("none"), "hint": .text("Start it.")]))
        #expect(error.description == "none\n  Start it." && ControlError(.failed, "none").description == "none")
    }
}
