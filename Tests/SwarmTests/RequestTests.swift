import Swarm
import Testing
import Units
import Wire

/// What is asked of whom, and what comes of it.
@Suite struct RequestTests {
    private typealias Core = CoreUnderTest

    /// A core that wants `count` chunks, and complete neighbours 1, 2 …
    private func core(_ count: Int, sources: UInt8, byteCount: Int = Core.chunkByteCount) -> CoreUnderTest {
        var core = Core()
        for number in 1...sources { core.connect(number) }
        for number in 1...sources { core.holdings(from: number, count: count, flags: .complete) }
        core.feed(.versionAdded(Core.plan(count, byteCount: byteCount)))
        return core
    }

    @Test func aNodeThatIsBehindItsNeighbours_asksForMoreAtOnce() {
        var limits = Core.limits
        limits.requestCountMax = 24
        func requestCount(neighboursHold count: Int, own: Int) -> Int {
            var core = Core(limits: limits)
            core.feed(.versionAdded(Core.plan(200, held: Array(Core.all(own)))))
            for number in 1...4 as ClosedRange<UInt8> { core.connect(number) }
            var all: [ChunkTicket] = []
            let first = 100 * (200 - count) / 200
            for number in 1...4 as ClosedRange<UInt8> {
                let held = (first..<first + count).map { ChunkIndex(UInt32($0 % 200)) }
                all += core.holdings(from: number, count: 200, held: held).requests
            }
            return all.count
        }
        #expect(requestCount(neighboursHold: 60, own: 60) == 8)
        #expect(requestCount(neighboursHold: 80, own: 60) == 18)
        #expect(requestCount(neighboursHold: 160, own: 60) == 24)
    }

    @Test func oneNeighbourAlone_isAskedForEightChunks_inOrder() {
        let core = core(20, sources: 1)
        #expect(core.effects.requests.map { $0.chunk } == Core.all(8))
        #expect(core.effects.requests.map { $0.request } == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func tenNeighbours_areAskedForOneChunkEach_eightInAll() {
        let core = core(100, sources: 10)
        let requests = core.effects.requests
        #expect(requests.count == 8)
        #expect(Set(requests.map { $0.source }).count == 8)
        #expect(Set(requests.map { $0.chunk }).count == 8)
    }

    @Test func smallChunks_shareAPlaceInTheWindow() {
        let core = core(200, sources: 1, byteCount: 16 << 10)
        #expect(core.effects.requests.count == 32)
    }

    @Test func theRarestChunkOfTheSource_isAskedForFirst() {
        var core = Core()
        for number in 1...9 { core.connect(UInt8(number)) }
        for number in 2...9 { core.holdings(from: UInt8(number), count: 200, held: Core.all(199)) }
        core.holdings(from: 1, count: 200, held: Core.all(200).filter { $0 != 5 })
        core.feed(.versionAdded(Core.plan(200)))
        let ofFirst = core.effects.requests.filter { $0.source == Core.node(1) }
        // It need not be among the eight sources that are asked first.
        if let first = ofFirst.first { #expect(first.chunk == 199) }
        let others = core.effects.requests.filter { $0.source != Core.node(1) }
        #expect(others.first?.chunk == 5)
    }

    @Test func theMemoryForUnverifiedBytes_isNeverExceeded() {
        var limits = SwarmLimits()
        limits.unverifiedByteCountMax = 5 * Core.chunkByteCount
        var core = Core(limits: limits)
        core.feed(.versionAdded(Core.plan(20)))
        core.connect(1)
        let tickets = core.holdings(from: 1, count: 20, flags: .complete).requests
        #expect(tickets.count == 5)
        // A chunk that is being verified still takes memory.
        #expect(core.deliver(tickets[0]).requests.isEmpty)
        #expect(core.feed(.chunkVerified(tickets[0])).requests.count == 1)
    }

    @Test func aRequestOfTheShell_takesTheNextNumber() {
        var core = core(20, sources: 1)
        let first = core.effects.requests[0]
        #expect(core.swarm.drawRequestNumber(for: Core.node(1)) == 9)
        #expect(core.deliver(first).requests.map { $0.request } == [10])
        #expect(core.swarm.drawRequestNumber(for: Core.node(2)) == nil)
    }

    @Test func aChunkThatIsComplete_isVerified_andTheNextAskedFor() {
        var core = core(20, sources: 1)
        let ticket = core.effects.requests[0]
        let half = Core.chunkByteCount / 2
        let span = DataSpan(neighbour: ticket.source, request: ticket.request, offset: 0, byteCount: half)
        #expect(core.feed(.dataReceived(span)).isEmpty)
        let rest = DataSpan(neighbour: ticket.source, request: ticket.request, offset: half, byteCount: half)
        let effects = core.feed(.dataReceived(rest))
        #expect(effects.first == .verify(ticket))
        #expect(effects.requests.count == 1)
    }

    // MARK: Faults

    @Test func dataThatWasNeverAskedFor_isAnError() {
        var core = core(2, sources: 1)
        let span = DataSpan(neighbour: Core.node(1), request: 77, offset: 0, byteCount: 10)
        #expect(core.feed(.dataReceived(span)).disconnects == [.unsolicited])
    }

    @Test(arguments: [(1, 10), (0, Core.chunkByteCount + 1), (0, 0)])
    func dataOutOfPlaceOrBeyondTheChunk_isAnError(offset: Int, byteCount: Int) {
        var core = core(2, sources: 1)
        let span = DataSpan(neighbour: Core.node(1), request: 1, offset: offset, byteCount: byteCount)
        #expect(core.feed(.dataReceived(span)).disconnects == [.unsolicited])
        #expect(core.swarm.neighbourReports(now: core.now).first?.state.isSetAside == true)
    }

    @Test func dataAfterTheLastByte_isAnError() {
        var core = core(2, sources: 1)
        let ticket = core.effects.requests[0]
        core.deliver(ticket)
        let span = DataSpan(
            neighbour: ticket.source, request: ticket.request, offset: Core.chunkByteCount, byteCount: 1)
        #expect(core.feed(.dataReceived(span)).disconnects == [.unsolicited])
    }

    @Test func lateBytesAfterACancel_areWaste_upToTheChunksLength() {
        var core = core(1, sources: 1)
        let ticket = core.effects.requests[0]
        core.feed(.chunksFound(Core.version, [0]))
        #expect(core.effects.sent.contains(.cancel(ticket.request)))
        #expect(core.effects.contains(.dropBuffer(ticket.source, request: ticket.request)))
        let span = DataSpan(
            neighbour: ticket.source, request: ticket.request, offset: 0, byteCount: Core.chunkByteCount)
        #expect(core.feed(.dataReceived(span)).isEmpty)
        #expect(core.swarm.versionReport(Core.version, now: core.now)?.wastedByteCount == Int64(Core.chunkByteCount))
        #expect(core.feed(.dataReceived(span)).disconnects == [.unsolicited])
    }

    @Test func aWrongHash_blamesItsSource_andTheChunkComesFromAnother() {
        var core = core(1, sources: 2)
        let ticket = core.effects.requests[0]
        core.deliver(ticket)
        let effects = core.feed(.chunkRejected(ticket))
        let bad = Message.bad(ChunkReference(version: Core.version, chunk: 0))
        #expect(effects.first == .send(bad, to: ticket.source))
        #expect(effects.disconnects == [.badChunk])
        #expect(effects.requests.count == 1)
        #expect(effects.requests.first?.source != ticket.source)
        let until = core.now + Limits.setAsideDurationMin
        #expect(core.swarm.admission(of: ticket.source, now: core.now) == .setAside(.badChunk, until: until))
        #expect(core.swarm.admission(of: ticket.source, now: until) == .welcome)
    }

    @Test func aWrongHashOfASourceThatIsGone_setsItAsideAllTheSame() {
        var core = core(1, sources: 1)
        let ticket = core.effects.requests[0]
        core.deliver(ticket)
        core.feed(.neighbourLost(ticket.source))
        core.feed(.chunkRejected(ticket))
        #expect(core.swarm.admission(of: ticket.source, now: core.now) != .welcome)
    }

    @Test func aChunkIsVerifiedAfterItsSourceIsGone_itIsHeld() {
        var core = core(1, sources: 1)
        let ticket = core.effects.requests[0]
        core.deliver(ticket)
        core.feed(.neighbourLost(ticket.source))
        #expect(core.feed(.chunkVerified(ticket)).contains(.completed(Core.version)))
    }

    @Test func aFailedWrite_pausesTheFetch() {
        var core = core(1, sources: 1)
        let ticket = core.effects.requests[0]
        core.deliver(ticket)
        #expect(core.feed(.chunkWriteFailed(ticket)).requests.isEmpty)
        #expect(core.swarm.versionReport(Core.version, now: core.now)?.obstacle == .cannotWrite)
        #expect(core.pass(.milliseconds(4900)).requests.isEmpty)
        #expect(core.pass(.milliseconds(200)).requests.map { $0.chunk } == [0])
    }

    // MARK: Refusals

    @Test func aBusySource_isLeftAloneForAsLongAsItSays() {
        var core = core(1, sources: 1)
        let refusal = Refuse(request: 1, reason: .busy, retryMilliseconds: 300)
        #expect(core.receive(.refuse(refusal), from: 1).requests.isEmpty)
        #expect(core.swarm.versionReport(Core.version, now: core.now)?.obstacle == .sourcesBusy)
        #expect(core.pass(.milliseconds(299)).requests.isEmpty)
        #expect(core.pass(.milliseconds(1)).requests.map { $0.chunk } == [0])
    }

    @Test(arguments: [Refuse.Reason.notHeld, .cannotRead, .unknownVersion, .denied, .leaving])
    func aSourceThatCannot_isNotAskedForTheChunkAgain(reason: Refuse.Reason) {
        var core = core(1, sources: 2)
        let ticket = core.effects.requests[0]
        let number = ticket.source.bytes[15]
        let again = core.receive(.refuse(Refuse(request: ticket.request, reason: reason)), from: number).requests
        #expect(again.map { $0.source } == [Core.node(3 - number)])
        #expect(core.receive(.refuse(Refuse(request: 1, reason: reason)), from: 3 - number).requests.isEmpty)
        #expect(core.pass(.seconds(5)).requests.isEmpty)
    }

    @Test func aRefusalOfNothing_isAnError() {
        var core = core(1, sources: 1)
        #expect(core.receive(.refuse(Refuse(request: 9, reason: .busy)), from: 1).disconnects == [.unsolicited])
    }

    // MARK: Loss and change of plan

    @Test func aSourceIsLost_itsChunksAreAskedOfAnother() {
        var core = core(4, sources: 2)
        let lost = core.effects.requests.filter { $0.source == Core.node(1) }.map { $0.chunk }
        #expect(!lost.isEmpty)
        let again = core.feed(.neighbourLost(Core.node(1))).requests
        #expect(Set(again.map { $0.chunk }) == Set(lost))
        #expect(again.allSatisfy { $0.source == Core.node(2) })
    }

    @Test func twoVersions_areFetchedInTheOrderOfTheirComing() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 3, flags: .complete)
        core.holdings(from: 1, count: 9, flags: .complete, version: Core.strange)
        let first = core.feed(.versionAdded(Core.plan(3))).requests
        let second = core.feed(.versionAdded(Core.plan(9, version: Core.strange))).requests
        #expect(first.count == 3)
        #expect(second.count == 5)
        core.feed(.versionRemoved(Core.version, because: .unwanted))
        #expect(core.effects.requests.count == 3)
    }

    @Test func aPlanThatNeedsLess_asksForNoMore() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 10, flags: .complete)
        let whole = Core.plan(10)
        var needed = ChunkSet(capacity: 10)
        needed.insert(4)
        let plan = VersionPlan(
            version: whole.version, model: whole.model, chunkByteCounts: whole.chunkByteCounts, held: whole.held,
            needed: needed)
        let tickets = core.feed(.versionAdded(plan)).requests
        #expect(tickets.map { $0.chunk } == [4])
        let effects = core.fetch(tickets[0])
        #expect(effects.contains(.completed(Core.version)))
        let part = Holdings(version: Core.version, flags: [], chunkCount: 10, bitmap: [0x08, 0])
        #expect(effects.sent == [.holdings(part)])
        // The rest is wanted later.
        #expect(core.feed(.versionAdded(Core.plan(10, held: [4]))).requests.count == 8)
    }
}

extension NeighbourReport.State {
    var isSetAside: Bool { if case .setAside = self { true } else { false } }
}
