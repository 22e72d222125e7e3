import Swarm
import Testing
import Units
import Wire

/// Who holds what: HOLDINGS, HAVE, WITHDRAW and LEAVE.
@Suite struct AnnouncementTests {
    private typealias Core = CoreUnderTest

    @Test func aNeighbourConnects_itIsProbedAndToldWhatIsHere() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(10, held: [1, 9])))
        let effects = core.connect(1)
        let part = Holdings(version: Core.version, flags: .wants, chunkCount: 10, bitmap: [0x40, 0x40])
        #expect(effects == [.probe(Core.node(1)), .send(.holdings(part), to: Core.node(1))])
    }

    @Test func aVersionIsAdded_itIsToldToAllNeighbours() {
        var core = Core()
        core.connect(1)
        core.connect(2)
        core.feed(.versionAdded(Core.plan(3, held: Core.all(3))))
        let part = Holdings(version: Core.version, flags: .complete, chunkCount: 3)
        #expect(core.effects.sent(to: 1) == [.holdings(part)])
        #expect(core.effects.sent(to: 2) == [.holdings(part)])
    }

    @Test func aLongBitmap_isSplitIntoFramesThatFollowEachOther() {
        var core = Core()
        let count = 131_072 + 16
        core.feed(.versionAdded(Core.plan(count, held: [0, 131_073])))
        let parts = core.connect(1).sent.compactMap { if case .holdings(let part) = $0 { part } else { nil } }
        #expect(parts.map { $0.firstChunk } == [0, 131_072])
        #expect(parts.flatMap { $0.chunks } == [0, 131_073])
    }

    @Test func partsThatFollow_areJoined_andAGapIsAnError() {
        var core = Core()
        let count = 131_072 + 16
        core.feed(.versionAdded(Core.plan(count, byteCount: 1)))
        core.connect(1)
        func part(_ first: UInt32, _ bitmap: [UInt8]) -> Message {
            .holdings(
                Holdings(version: Core.version, flags: [], chunkCount: UInt32(count), firstChunk: first, bitmap: bitmap)
            )
        }
        var firstBits = [UInt8](repeating: 0, count: 16_384)
        firstBits[0] = 0x80
        #expect(core.receive(part(0, firstBits), from: 1).requests.map { $0.chunk } == [0])
        #expect(core.receive(part(131_072, [0x80, 0]), from: 1).requests.map { $0.chunk } == [131_072])
        #expect(core.receive(part(131_072, [0x80, 0]), from: 1).disconnects == [.malformed])
    }

    @Test func chunksThatAreVerifiedWithinTheDelay_areAnnouncedTogether() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(10)))
        core.connect(1)
        core.connect(2)
        let tickets = core.holdings(from: 1, count: 10, flags: .complete).requests
        #expect(core.fetch(tickets[0]).sent.isEmpty)
        core.now = core.now + .milliseconds(5)
        let early = core.deliver(tickets[1]) + core.feed(.chunkVerified(tickets[1]))
        let effects = core.passAnnouncementDelay()
        let list = ChunkList(version: Core.version, chunks: [tickets[0].chunk, tickets[1].chunk].sorted())
        #expect(effects.sent(to: 2) == [.have(list)])
        // Neighbour 1, which is asked for more, hears of each chunk once.
        let toOne = (early + effects + core.passAnnouncementDelay()).sent(to: 1)
        var told: [ChunkIndex] = []
        for case .have(let part) in toOne { told += part.chunks }
        #expect(told.sorted() == list.chunks)
    }

    @Test func aRequestThatGoesOutAnyway_takesTheAnnouncementAlong() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(20)))
        core.connect(1)
        core.connect(2)
        let tickets = core.holdings(from: 1, count: 20, flags: .complete).requests
        core.fetch(tickets[0])
        let effects = core.deliver(tickets[1])
        let list = ChunkList(version: Core.version, chunks: [tickets[0].chunk])
        let told = effects.firstIndex(of: .send(.have(list), to: Core.node(1)))
        let asked = effects.firstIndex { if case .request = $0 { true } else { false } }
        #expect(told != nil && asked != nil && told ?? .max < asked ?? .min, "\(effects)")
        let later = core.passAnnouncementDelay()
        #expect(later.sent(to: 1).isEmpty, "it was told")
        #expect(later.sent(to: 2) == [.have(list)])
    }

    @Test func anUpload_takesTheAnnouncementAlong() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(3, held: [2])))
        core.connect(1)
        core.connect(2)
        core.holdings(from: 2, count: 3)
        let ticket = core.holdings(from: 1, count: 3, held: [0]).requests[0]
        core.fetch(ticket)
        let effects = core.ask(1, 2, from: 2)
        let list = ChunkList(version: Core.version, chunks: [0])
        #expect(effects.sent == [.have(list)])
        let id = UploadID(neighbour: Core.node(2), request: 1)
        #expect(effects.contains(.startUpload(id, version: Core.version, chunk: 2)))
    }

    @Test func whatGotDamagedBeforeItWasTold_isNotAnnounced() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(3)))
        core.connect(1)
        core.connect(2)
        let tickets = core.holdings(from: 1, count: 3, held: [0, 1]).requests
        core.fetch(tickets[0])
        core.fetch(tickets[1])
        core.receive(.bad(ChunkReference(version: Core.version, chunk: tickets[0].chunk)), from: 2)
        core.feed(.chunkRechecked(Core.version, tickets[0].chunk, .damaged))
        let list = ChunkList(version: Core.version, chunks: [tickets[1].chunk])
        #expect(core.passAnnouncementDelay().sent(to: 2) == [.have(list)])
    }

    @Test func theLastChunkIsVerified_completionIsToldAtOnce() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(2, held: [0])))
        core.connect(1)
        let tickets = core.holdings(from: 1, count: 2, flags: .complete).requests
        core.deliver(tickets[0])
        let part = Holdings(version: Core.version, flags: .complete, chunkCount: 2)
        #expect(
            core.feed(.chunkVerified(tickets[0])) == [
                .send(.holdings(part), to: Core.node(1)), .completed(Core.version),
            ])
        #expect(core.pass(.seconds(1)).sent.isEmpty)
    }

    @Test func whatWasSaidBeforeTheVersionWasKnown_counts() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 4, held: [2])
        core.have([3], from: 1)
        core.receive(.withdraw(ChunkList(version: Core.version, chunks: [2])), from: 1)
        #expect(core.feed(.versionAdded(Core.plan(4))).requests.map { $0.chunk } == [3])
    }

    @Test func theVersionTurnsOutToHaveAnotherNumberOfChunks_theSenderIsAtFault() {
        var core = Core()
        core.connect(1)
        core.connect(2)
        core.holdings(from: 1, count: 5, flags: .complete)
        #expect(core.feed(.versionAdded(Core.plan(4))).disconnects == [.malformed])
        #expect(core.holdings(from: 2, count: 5).disconnects == [.malformed])
    }

    @Test func haveOfAVersionThatWasNotOpened_isAnError() {
        var core = Core()
        core.connect(1)
        #expect(core.have([0], from: 1).disconnects == [.unknownVersion])
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) != .welcome)
    }

    @Test func haveBeyondTheVersion_isAnError() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 4)
        #expect(core.have([4], from: 1).disconnects == [.malformed])
    }

    @Test func aVersionBeyondTheBound_isForgottenWithoutBlame() {
        var core = Core()
        core.connect(1)
        for number in 0...Limits.strangeVersionCountPerNeighbourMax {
            let version = Digest(exactly: [UInt8(number / 256), UInt8(number % 256)] + Array(repeating: 1, count: 30))
            core.holdings(from: 1, count: 4, version: version)
        }
        let last = Limits.strangeVersionCountPerNeighbourMax
        let forgotten = Digest(exactly: [UInt8(last / 256), UInt8(last % 256)] + Array(repeating: 1, count: 30))
        #expect(core.have([0], from: 1, version: forgotten).isEmpty)
    }

    @Test func theNeighbourLeaves_itsRequestsEnd_andMoreIsAnError() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(1)))
        core.connect(1)
        let ticket = core.holdings(from: 1, count: 1, flags: .complete).requests[0]
        let effects = core.receive(.leave(Core.version), from: 1)
        #expect(effects.sent == [.cancel(ticket.request)])
        #expect(core.have([0], from: 1).disconnects == [.unknownVersion])
    }

    @Test func aVersionIsRemoved_neighboursAreTold_andACrossingRequestIsRefused() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(2, held: Core.all(2))))
        core.connect(1)
        #expect(core.feed(.versionRemoved(Core.version, because: .unwanted)).sent == [.leave(Core.version)])
        #expect(core.ask(1, 0, from: 1).sent == [.refuse(Refuse(request: 1, reason: .leaving))])
    }

    @Test func aVersionIsDenied_whatIsAskedOfItIsRefusedSo() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(2, held: Core.all(2))))
        core.connect(1)
        core.ask(1, 0, from: 1)
        let effects = core.feed(.versionRemoved(Core.version, because: .denied))
        #expect(effects.sent.contains(.refuse(Refuse(request: 1, reason: .denied))))
        #expect(effects.contains(.stopUpload(UploadID(neighbour: Core.node(1), request: 1))))
        #expect(core.ask(2, 0, from: 1).sent == [.refuse(Refuse(request: 2, reason: .denied))])
    }
}
