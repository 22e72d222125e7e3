import Control
import Testing

@testable import shoal

@Suite struct StatusTextTests {
    private let node = NodeStatus(
        id: "0a0b", name: "quay", cluster: "harbour", labels: ["zone": "north", "rack": "1"], listen: "10.0.0.1:7447",
        software: "shoal", startedAt: "2026-01-01T00:00:00Z", state: "running",
        certificateExpires: "2026-04-01T00:00:00Z", issuer: true)

    @Test func aNodeThatIsAloneSaysSo() {
        let text = StatusText.render(StatusReport(node: node, neighbours: [], models: []))
        #expect(text.contains("quay  0a0b  rack=1 zone=north") && text.contains("harbour, gives certificates"))
        #expect(text.contains("no neighbours") && text.contains("no models"))
    }

    @Test func whatIsWrongWithANeighbourOrAModelIsInItsRow() throws {
        let neighbour = NeighbourStatus(
            id: "00112233445566778899", name: "", address: "10.0.0.2:1", state: "set-aside", reason: "wrong hash",
            roundTripMs: 3, receivedBytes: 1024, sentBytes: 0)
        var model = ModelStatus(model: "fish", tag: "2", channel: "stable", state: "failed")
        model.bytesTotal = 200
        model.bytesVerified = 199
        model.error = "disk full"
        model.current = true
        model.serving = .init(version: "aa", tag: "1", since: "2026-01-01T00:00:00Z")
        let lines = StatusText.render(StatusReport(node: node, neighbours: [neighbour], models: [model]))
            .split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.contains("001122334455 10.0.0.2:1 set-aside 3 ms 1.0 KiB 0 B wrong hash"))
        #expect(lines.contains("fish stable 2 failed 99 % 1 current, disk full"))
    }
}
