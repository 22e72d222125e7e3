import Testing
import Units
import Wire

@testable import Swarm

/// What the core says of where a fetch's time goes.
@Suite struct HoldUpTests {
    private func core(chunks count: Int = 40, limits: SwarmLimits = SwarmLimits()) -> CoreUnderTest {
        var core = CoreUnderTest(limits: limits)
        core.feed(.versionAdded(CoreUnderTest.plan(count)))
        return core
    }

    private func report(_ core: CoreUnderTest) throws -> FetchReport {
        try #require(core.swarm.fetchReport(CoreUnderTest.version, now: core.now))
    }

    /// All of one chunk comes in pieces over `milliseconds`.
    private func deliver(_ ticket: ChunkTicket, _ core: inout CoreUnderTest, over milliseconds: Int64) -> [SwarmEffect]
    {
        core.pass(.milliseconds(milliseconds))
        return core.fetch(ticket)
    }

    @Test func withoutNeighboursOrASourceItWaits() throws {
        var core = core()
        core.pass(.seconds(2))
        core.connect(1)
        core.holdings(from: 1, count: 40, held: [])
        core.pass(.seconds(1))
        let report = try report(core)
        #expect(report.holdUp == .waiting && report.times.main == .waiting)
        #expect(report.times.total == .seconds(3) && report.sources.isEmpty)
    }

    @Test func requestsThatAreOpenToOneSourceAreHeldUpByIt() throws {
        var core = core()
        core.connect(1)
        var open = core.holdings(from: 1, count: 40, held: CoreUnderTest.all(40)).requests
        for _ in 0..<30 {
            let ticket = try #require(open.first)
            open.removeFirst()
            open += deliver(ticket, &core, over: 100).requests
        }
        let report = try report(core)
        #expect(report.holdUp == .source)
        #expect(report.times[.source] == .seconds(3) && report.times.total == .seconds(3))
        #expect(report.sources.map(\.receivedByteCount) == [30 << 16] && report.receivedByteCount == 30 << 16)
        #expect(report.expectedByteCount == 40 << 16 && report.usefulByteCount == 30 << 16)
        #expect(abs(report.bytesPerSecond - 655_360) < 70_000)
        guard case .measured(let rate) = core.swarm.downlinkLimit else {
            Issue.record("no limit")
            return
        }
        #expect(abs(rate - 655_360) < 140_000)
    }

    /// One source gives all for two seconds; with the second one as much comes as before, half from each.
    @Test func sourcesThatShareWhatOneOfThemGaveAloneAreHeldUpByTheOwnLink() throws {
        var core = core(chunks: 200)
        core.connect(1)
        var open = core.holdings(from: 1, count: 200, held: CoreUnderTest.all(200)).requests
        for step in 0..<60 {
            if step == 20 {
                core.connect(2)
                open += core.holdings(from: 2, count: 200, held: CoreUnderTest.all(200)).requests
            }
            let turn = CoreUnderTest.node(step < 20 ? 1 : UInt8(1 + step % 2))
            let index = try #require(open.firstIndex { $0.source == turn })
            let ticket = open.remove(at: index)
            open += deliver(ticket, &core, over: 100).requests
        }
        let report = try report(core)
        #expect(report.holdUp == .ownLink)
        #expect(report.times[.ownLink] >= .seconds(3) && report.times[.source] >= .seconds(2))
        #expect(report.times.total == .seconds(6))
    }

    @Test(arguments: [(hashing: Int64(9), writing: Int64(1), HoldUp.hashing), (1, 9, .disk)])
    func aMemoryFullOfUncheckedChunksIsTheSlowerHalfOfTheCheck(
        hashing: Int64, writing: Int64, expected: HoldUp
    ) throws {
        var limits = SwarmLimits()
        limits.unverifiedByteCountMax = 4 << 16
        var core = core(limits: limits)
        core.swarm.noteCheck(hashing: .milliseconds(hashing), writing: .milliseconds(writing))
        core.connect(1)
        let open = core.holdings(from: 1, count: 40, held: CoreUnderTest.all(40)).requests
        #expect(open.count == 4)
        for ticket in open { core.deliver(ticket) }
        #expect(try report(core).holdUp == expected)
        core.pass(.milliseconds(300))
        #expect(try report(core).times[expected] == .milliseconds(300))
        core.feed(.chunkVerified(open[0]))
        #expect(try report(core).holdUp == expected, "three of four still wait")
        core.feed(.chunkVerified(open[1]))
        core.feed(.chunkVerified(open[2]))
        #expect(try report(core).holdUp == .source)
    }

    @Test func aWriteThatFailedIsTheDisk() throws {
        var core = core()
        core.connect(1)
        let open = core.holdings(from: 1, count: 40, held: CoreUnderTest.all(40)).requests
        core.deliver(open[0])
        core.feed(.chunkWriteFailed(open[0]))
        core.pass(.seconds(2))
        #expect(try report(core).times[.disk] == .seconds(2))
    }

    @Test func theLastChunkEndsTheTimeAndTheReportIsClosedOnce() throws {
        var core = core(chunks: 1)
        core.connect(1)
        let open = core.holdings(from: 1, count: 1, held: [0]).requests
        core.pass(.milliseconds(200))
        core.fetch(open[0])
        core.pass(.seconds(10))
        let closed = core.swarm.closeFetchReport(of: CoreUnderTest.version, now: core.now)
        let report = try #require(closed)
        #expect(report.holdUp == nil && report.times.total == .milliseconds(200))
        #expect(report.sources.first?.busy == .milliseconds(200))
        let again = core.swarm.closeFetchReport(of: CoreUnderTest.version, now: core.now)
        #expect(again == nil)
    }

    @Test func whatIsCompleteHasNoReport() {
        var core = CoreUnderTest()
        core.feed(.versionAdded(CoreUnderTest.plan(4, held: CoreUnderTest.all(4))))
        #expect(core.swarm.fetchReport(CoreUnderTest.version, now: core.now) == nil)
    }

    @Test func wrongBytesAreWastedAndOnTheirSourcesAccount() throws {
        var core = core()
        core.connect(1)
        let open = core.holdings(from: 1, count: 40, held: CoreUnderTest.all(40)).requests
        core.deliver(open[0])
        core.feed(.chunkRejected(open[0]))
        let report = try report(core)
        #expect(report.wastedByteCount == 1 << 16 && report.usefulByteCount == 0)
        #expect(report.sources.map(\.rejectedChunkCount) == [1] && report.holdUp == .waiting)
    }

    @Test func theSlowestSourceIsTheOneThatGaveLeastWhileItWasAsked() {
        let sources = [
            FetchReport.SourceReport(node: CoreUnderTest.node(1), receivedByteCount: 900, busy: .seconds(3)),
            .init(node: CoreUnderTest.node(2), receivedByteCount: 500, busy: .seconds(1)),
            .init(node: CoreUnderTest.node(3), receivedByteCount: 1, busy: .milliseconds(50)),
        ]
        func report(_ sources: [FetchReport.SourceReport]) -> FetchReport {
            FetchReport(
                times: HoldUpTimes(), holdUp: nil, receivedByteCount: 0, wastedByteCount: 0, expectedByteCount: 0,
                bytesPerSecond: 0, sources: sources)
        }
        #expect(report(sources).slowestSource?.node == CoreUnderTest.node(1))
        #expect(report([sources[0], sources[2]]).slowestSource == nil)
    }
}

@Suite struct LaggardTests {
    /// A complete holder with neighbours 1, 2 and 3 that want the version and have these many chunks of it.
    private func seed(_ counts: [Int]) -> CoreUnderTest {
        var core = CoreUnderTest()
        core.feed(.versionAdded(CoreUnderTest.plan(40, held: CoreUnderTest.all(40))))
        for (index, count) in counts.enumerated() {
            core.connect(UInt8(index + 1))
            core.holdings(
                from: UInt8(index + 1), count: 40, held: CoreUnderTest.all(count), flags: .wants)
        }
        return core
    }

    private func laggard(_ core: CoreUnderTest) -> LaggardReport? {
        core.swarm.laggard(of: CoreUnderTest.version, now: core.now)
    }

    @Test func theOneWithTheFewestChunksIsNamedAndAmongEqualsTheQuietest() throws {
        var core = seed([9, 5, 7])
        #expect(laggard(core)?.node == CoreUnderTest.node(2) && laggard(core)?.chunkCount == 5)
        core.pass(.seconds(3))
        core.have([5, 6, 7, 8], from: 2)
        core.have([7, 8], from: 3)
        core.pass(.seconds(1))
        let last = try #require(laggard(core))
        #expect(last.node == CoreUnderTest.node(1) && last.quiet == .seconds(4) && last.cause == .elsewhere)
    }

    @Test func nobodyIsBehindWhereAllHaveAllOrWantNothing() {
        var core = seed([])
        core.connect(1)
        core.holdings(from: 1, count: 40, held: CoreUnderTest.all(3))
        #expect(laggard(core) == nil)
    }

    @Test func requestsThatWaitHereAreThisUplinkAndAnUploadThatDoesNotMoveIsItsLink() {
        var core = seed([0])
        core.ask(1, 0, from: 1)
        #expect(laggard(core)?.cause == .thisUplink)
        core.pass(.seconds(2))
        #expect(laggard(core)?.cause == .itsLink)
    }

    @Test func oneThatTakesLessThanHalfOfWhatOthersTakeHasASlowLink() {
        var core = seed([0, 1, 2])
        for number in [UInt8(1), 2, 3] {
            let id = core.ask(1, 0, from: number).uploads[0]
            core.pass(.milliseconds(number == 1 ? 900 : 100))
            core.feed(.uploadFinished(id))
        }
        core.ask(2, 1, from: 1)
        #expect(laggard(core)?.cause == .itsLink)
    }
}
