import Control
import Logging
import Swarm
import Testing
import Units

@testable import Agent

@Suite struct FetchSummaryTests {
    private static func node(_ number: UInt8) -> NodeID { NodeID(exactly: Array(repeating: 0, count: 15) + [number]) }

    private func source(_ number: UInt8, _ byteCount: Int64, _ seconds: Int64, rejected: Int = 0, silences: Int = 0)
        -> FetchReport.SourceReport
    {
        .init(
            node: Self.node(number), receivedByteCount: byteCount, busy: .seconds(seconds),
            rejectedChunkCount: rejected, silenceCount: silences)
    }

    /// 1,200 bytes came in 12 s, 200 of them in vain; 3,000 are missing at 500 a second.
    private func report(_ sources: [FetchReport.SourceReport] = [], isOver: Bool = false) -> FetchReport {
        var times = HoldUpTimes()
        times[.source] = .seconds(9)
        times[.ownLink] = .seconds(3)
        return FetchReport(
            times: times, holdUp: isOver ? nil : .source, receivedByteCount: 1200, wastedByteCount: 200,
            expectedByteCount: isOver ? 1000 : 4000, bytesPerSecond: 500, sources: sources)
    }

    private func summary(_ report: FetchReport?, _ limit: DownlinkLimit = .unknown, isOver: Bool = false)
        -> FetchSummary
    {
        var waited = HoldUpTimes()
        waited[.waiting] = .seconds(4)
        return FetchSummary(
            model: "fish", version: "abcdef0123456789", tag: "1", startedAt: WallTime(secondsSince1970: 0),
            elapsed: .seconds(16), endedAt: isOver ? WallTime(secondsSince1970: 16) : nil, shellTimes: waited,
            shellHoldUp: report == nil ? .waiting : nil, report: report, limit: limit, reusedByteCount: 600,
            fileByteCount: 9000, name: { "node \($0.hex.suffix(1))" })
    }

    @Test func theTimesOfBothPartsMakeTheShares() {
        let row = summary(report()).status()
        #expect(row.shares.waiting == 0.25 && row.shares.source == 0.562 && row.shares.ownLink == 0.188)
        #expect(row.heldUpBy == "source" && row.mainHoldUp == "source" && row.seconds == 16)
    }

    @Test func efficiencyIsUsefulPayloadOverTheWholeTimeAgainstTheLimit() {
        let row = summary(report(), .measured(125)).status()
        #expect(row.meanBytesPerSecond == 63 && row.efficiency == 0.5 && row.limitFrom == "measured")
        #expect(row.limitBytesPerSecond == 125 && row.bytesPerSecond == 500 && row.secondsLeft == 6)
        #expect(row.bytesTotal == 4600 && row.bytesDone == 1600 && row.wastedBytes == 200)
        #expect(summary(report(), .configured(62.5)).status().limitFrom == "configured")
    }

    @Test func aMeanThatIsBetterThanTheBestHalfSecondIsTheLimit() {
        let row = summary(report(), .measured(20)).status()
        #expect(row.efficiency == 1 && row.limitBytesPerSecond == 63)
        #expect(summary(report(), .configured(20)).status().efficiency == 3.125)
    }

    @Test func withoutALimitEfficiencyIsUnknown() {
        let row = summary(report()).status()
        #expect(row.efficiency == 0 && row.limitFrom.isEmpty && row.limitBytesPerSecond == 0)
    }

    @Test func beforeTheFirstPlanItWaitsForDocuments() {
        let row = summary(nil).status()
        #expect(row.heldUpBy == "waiting" && row.shares.waiting == 1 && row.bytesTotal == 9000)
        #expect(row.bytesDone == 600 && row.secondsLeft == 0 && row.slowestSource == nil)
    }

    @Test func theSlowestSourceIsNamedWithTheWorstThatItDid() {
        func cause(_ slow: FetchReport.SourceReport) -> String? {
            summary(report([source(1, 900, 1), slow])).status().slowestSource?.cause
        }
        #expect(cause(source(2, 300, 3)) == "slow" && cause(source(2, 300, 3, silences: 1)) == "silent")
        #expect(cause(source(2, 300, 3, rejected: 1, silences: 1)) == "wrong-bytes")
        let row = summary(report([source(1, 900, 1), source(2, 300, 3)])).status()
        #expect(row.slowestSource?.name == "node 2" && row.slowestSource?.bytesPerSecond == 100)
    }

    @Test func ofManySourcesEightAreNamedAndAllAreCounted() {
        let sources = (1...12).map { source(UInt8($0), 100, 1, rejected: 1) }
        let row = summary(report(sources)).status()
        #expect(row.sources.count == 8 && row.refusedChunks == 12)
    }

    @Test func theClosingEventHoldsTheSharesTheRateAndTheSources() {
        let row = summary(report([source(1, 900, 1), source(2, 300, 3)], isOver: true), .measured(125), isOver: true)
            .status()
        #expect(row.heldUpBy.isEmpty && row.secondsLeft == 0 && row.bytesPerSecond == 0 && row.bytesDone == 1600)
        let event = row.metadata
        #expect(event["event"] == "fetch-completed" && event["version"] == "abcdef012345")
        #expect(event["sources"] == "node 1:900,node 2:300" && event["slowest-source"] == "node 2")
        let shares = ["waiting", "source", "own-link", "hashing", "disk"].compactMap { event[$0].map { "\($0)" } }
        #expect(
            shares == ["0.25", "0.562", "0.188", "0.0", "0.0"])
        #expect(event["efficiency"] == "0.5" && event["bytes"] == "1600" && event["reused"] == "600")
    }
}
