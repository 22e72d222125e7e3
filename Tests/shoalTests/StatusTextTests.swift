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

    @Test func aFetchIsOneLineWithItsRateItsTimeAndWhatHoldsItUp() {
        var fetch = FetchStatus(model: "fish", version: "abcdef", tag: "2", startedAt: "")
        fetch.bytesTotal = 200
        fetch.bytesDone = 86
        fetch.bytesPerSecond = 2 << 20
        fetch.secondsLeft = 200
        fetch.efficiency = 0.934
        fetch.mainHoldUp = "own-link"
        fetch.shares.ownLink = 0.814
        fetch.heldUpBy = "source"
        var over = fetch
        over.tag = "1"
        over.heldUpBy = ""
        over.efficiency = 0
        over.seconds = 7325
        over.meanBytesPerSecond = 1 << 20
        over.slowestSource = .init(id: "cc", name: "berth", bytesPerSecond: 7, cause: "far-slower")
        var model = ModelStatus(model: "fish", tag: "1")
        model.slowestNeighbour = .init(
            id: "cc", name: "mole", chunks: 30, chunksTotal: 40, quietSeconds: 12, cause: "elsewhere")
        let report = StatusReport(
            node: node, neighbours: [], models: [model], fetches: [fetch],
            recentFetches: [over, over, over, over])
        let lines = StatusText.render(report).split(separator: "\n")
            .map { $0.split(separator: " ").joined(separator: " ") }
        #expect(lines.contains("fish 2 43 % 2.0 MiB/s 3 min 20 s left 93 % own link 81 %, now source"))
        let last = "fish 1 complete 1.0 MiB/s took 2 h 2 min unknown own link 81 %, slowest source berth (far slower)"
        #expect(lines.filter { $0 == last }.count == 3)
        let behind = "slowest mole has 75 % of fish 1: it asks nothing of this node, and announced nothing for 12 s"
        #expect(lines.contains(behind))
    }

    @Test(arguments: [
        (0, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3600, "1 h 0 min"),
    ])
    func aLengthOfTimeHasTwoUnitsAtMost(seconds: Double, text: String) { #expect(Format.seconds(seconds) == text) }
}
