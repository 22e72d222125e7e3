import Swarm
import Testing
import Units
import Wire

/// Directed seeding, from both sides.
@Suite struct OfferTests {
    private typealias Core = CoreUnderTest

    /// A seed that directs `count` chunks, with neighbours 1, 2 … that want them.
    private func seed(_ count: Int, neighbours: UInt8) -> (
        core: CoreUnderTest, offers: [(chunk: ChunkIndex, node: NodeID)]
    ) {
        var core = Core()
        for number in 1...neighbours { core.connect(number) }
        core.feed(.versionAdded(Core.plan(count, held: Core.all(count), seeding: .directing)))
        var offers = core.effects.offers
        for number in 1...neighbours { offers += core.holdings(from: number, count: count, flags: .wants).offers }
        return (core, offers)
    }

    // MARK: The seed

    @Test func aPublishedVersion_isToldAsDirected_notAsHeld() {
        var core = Core()
        for number in 1...2 { core.connect(UInt8(number)) }
        core.feed(.versionAdded(Core.plan(100, held: Core.all(100), seeding: .directing)))
        let part = Holdings(version: Core.version, flags: .directing, chunkCount: 100)
        #expect(core.effects.sent(to: 1) == [.holdings(part)])
    }

    @Test func eachChunk_isOfferedToOneNeighbourOnly_twoToEach() {
        let (_, offers) = seed(100, neighbours: 3)
        #expect(offers.count == 6)
        #expect(Set(offers.map { $0.chunk }).count == 6)
        for number in 1...3 { #expect(offers.filter { $0.node == Core.node(UInt8(number)) }.count == 2) }
    }

    @Test func eightOffersAreOpen_atMost() {
        #expect(seed(100, neighbours: 10).offers.count == 8)
    }

    @Test func whatIsOffered_isSentFasterThanItIsAnnounced_moreIsOffered() {
        var (core, offers) = seed(200, neighbours: 10)
        var offerCount = offers.count
        var sentCount = 0
        // Each request arrives when nothing else is left to be sent, and nobody announces anything.
        while sentCount < 24, let offer = offers.first {
            offers.removeFirst()
            core.now = core.now + .milliseconds(10)
            let effects = core.ask(RequestID(UInt32(sentCount + 1)), offer.chunk, from: offer.node.bytes[15])
            for id in effects.uploads { offers += core.feed(.uploadFinished(id)).offers }
            sentCount += 1
            offerCount = offers.count
        }
        #expect(offerCount >= 16, "only \(offerCount) offers keep the uplink busy")
        #expect(Set(offers.map { $0.node }).count == 10)
    }

    @Test func aNeighbourThatAnnouncesNothing_isOfferedNoMoreThanTheOthersHaveOpen() {
        var (core, offers) = seed(400, neighbours: 4)
        var counts: [NodeID: Int] = [:]
        var number: UInt32 = 0
        // Whatever neighbours 1 to 3 are offered they get and announce; what neighbour 4 is offered it only asks for.
        while number < 100, let offer = offers.first {
            offers.removeFirst()
            counts[offer.node, default: 0] += 1
            number += 1
            core.now = core.now + .milliseconds(10)
            let effects = core.ask(RequestID(number), offer.chunk, from: offer.node.bytes[15])
            for id in effects.uploads { offers += core.feed(.uploadFinished(id)).offers }
            if offer.node != Core.node(4) { offers += core.have([offer.chunk], from: offer.node.bytes[15]).offers }
        }
        #expect(counts[Core.node(4), default: 0] <= 17)
        #expect(counts[Core.node(1), default: 0] > 20)
    }

    @Test func anAnnouncement_returnsTheCredit_toWhoeverWasServedLeast() {
        var (core, offers) = seed(100, neighbours: 5)
        let done = offers[0]
        let more = core.have([done.chunk], from: done.node.bytes[15]).offers
        #expect(more.count == 1)
        #expect(more.first?.node == Core.node(5))
        #expect(!offers.map { $0.chunk }.contains(more[0].chunk))
    }

    @Test func whatOnlyALostNeighbourHad_isOfferedAgain() {
        var (core, offers) = seed(4, neighbours: 3)
        #expect(offers.count == 4)
        let lost = offers.filter { $0.node == Core.node(1) }.map { $0.chunk }
        let again = core.feed(.neighbourLost(Core.node(1))).offers
        #expect(Set(again.map { $0.chunk }) == Set(lost))
        // What it announced before it was lost counts as little.
        (core, offers) = seed(4, neighbours: 3)
        core.have(offers.filter { $0.node == Core.node(1) }.map { $0.chunk }.sorted(), from: 1)
        #expect(core.feed(.neighbourLost(Core.node(1))).offers.count == lost.count)
    }

    @Test func anOfferThatLeadsToNothing_isMadeToAnother() {
        var (core, offers) = seed(2, neighbours: 3)
        #expect(offers.count == 2)
        let again = core.pass(.seconds(21)).offers
        #expect(again.contains { offer in offer.chunk == offers[0].chunk && offer.node != offers[0].node })
    }

    @Test func aLoneNeighbour_isToldEverything() {
        var core = Core()
        core.connect(1)
        core.feed(.versionAdded(Core.plan(9, held: Core.all(9), seeding: .directing)))
        let part = Holdings(version: Core.version, flags: .complete, chunkCount: 9)
        #expect(core.effects.sent(to: 1) == [.holdings(part)])
    }

    @Test func onlyOneOfSeveralNeighboursWantsIt_itIsToldEverythingAfterASecond() {
        var core = Core()
        for number in 1...3 { core.connect(UInt8(number)) }
        core.feed(.versionAdded(Core.plan(9, held: Core.all(9), seeding: .directing)))
        #expect(core.holdings(from: 1, count: 9, flags: .wants).offers.count == 2)
        let part = Holdings(version: Core.version, flags: .complete, chunkCount: 9)
        #expect(!core.pass(.milliseconds(999)).sent(to: 1).contains(.holdings(part)))
        #expect(core.pass(.milliseconds(2)).sent(to: 1).contains(.holdings(part)))
    }

    @Test func aSecondNeighbourComes_directingBegins() {
        var core = Core()
        core.connect(1)
        core.feed(.versionAdded(Core.plan(9, held: Core.all(9), seeding: .directing)))
        let part = Holdings(version: Core.version, flags: .directing, chunkCount: 9)
        let effects = core.connect(2)
        #expect(effects.sent(to: 1).filter { $0.type == .holdings } == [.holdings(part)])
        #expect(effects.sent(to: 2) == [.holdings(part)])
    }

    @Test func everybodyIsComplete_directingEnds() {
        var (core, _) = seed(2, neighbours: 2)
        core.holdings(from: 1, count: 2, flags: .complete)
        #expect(core.effects.contains(.note(.copyIsOut(Core.version))))
        core.holdings(from: 2, count: 2, flags: .complete)
        let part = Holdings(version: Core.version, flags: .complete, chunkCount: 2)
        #expect(core.effects.sent(to: 1) == [.holdings(part)])
    }

    @Test func theVersionIsAddedAgain_directingGoesOn() {
        var (core, offers) = seed(100, neighbours: 3)
        let again = core.feed(.versionAdded(Core.plan(100, held: Core.all(100))))
        #expect(
            again.sent(to: 1).contains(.holdings(Holdings(version: Core.version, flags: .directing, chunkCount: 100))))
        #expect(core.have([offers[0].chunk], from: offers[0].node.bytes[15]).offers.count == 1)
    }

    @Test func aChunkThatIsAskedForWithoutAnOffer_isSent_andNotOfferedToAnother() {
        var (core, offers) = seed(5, neighbours: 2)
        let offered = Set(offers.map { $0.chunk })
        let free = Core.all(5).filter { !offered.contains($0) }[0]
        #expect(core.ask(1, free, from: 1).uploads.count == 1)
        core.have(offers.filter { $0.node == Core.node(2) }.map { $0.chunk }.sorted(), from: 2)
        #expect(!core.effects.offers.map { $0.chunk }.contains(free))
    }

    // MARK: The receiver

    @Test func anOfferedChunk_isAskedForAtOnce_beyondTheWindow() {
        var core = Core()
        for number in 1...3 { core.connect(UInt8(number)) }
        core.feed(.versionAdded(Core.plan(100)))
        core.holdings(from: 1, count: 100, flags: .directing)
        core.holdings(from: 2, count: 100, held: Core.all(90))
        #expect(core.effects.requests.count == 8)
        let effects = core.receive(.offer(ChunkReference(version: Core.version, chunk: 95)), from: 1)
        #expect(effects.requests.map { $0.chunk } == [95])
        #expect(effects.requests.map { $0.source } == [Core.node(1)])
    }

    @Test func offeredChunks_takeNoRoomInTheWindow() {
        var core = Core()
        for number in 1...3 { core.connect(UInt8(number)) }
        core.feed(.versionAdded(Core.plan(100)))
        core.holdings(from: 1, count: 100, flags: .directing)
        for chunk in 90..<98 {
            core.receive(.offer(ChunkReference(version: Core.version, chunk: ChunkIndex(UInt32(chunk)))), from: 1)
        }
        #expect(core.holdings(from: 2, count: 100, held: Core.all(90)).requests.count == 8)
    }

    @Test func aChunkThatIsHereOrOnItsWay_isNotAskedForAgain() {
        var core = Core()
        for number in 1...2 { core.connect(UInt8(number)) }
        core.feed(.versionAdded(Core.plan(4, held: [0])))
        core.holdings(from: 1, count: 4, flags: .directing)
        core.holdings(from: 2, count: 4, held: [0, 1])
        #expect(core.receive(.offer(ChunkReference(version: Core.version, chunk: 0)), from: 1).requests.isEmpty)
        #expect(core.receive(.offer(ChunkReference(version: Core.version, chunk: 1)), from: 1).requests.isEmpty)
    }

    @Test func aDirectingNeighbour_isAskedWithoutAnOffer_afterASecondWithoutAnythingElse() {
        var core = Core()
        core.connect(1)
        core.feed(.versionAdded(Core.plan(20)))
        #expect(core.holdings(from: 1, count: 20, flags: .directing).requests.isEmpty)
        #expect(core.swarm.versionReport(Core.version, now: core.now)?.obstacle == .waitingForOffer)
        #expect(core.pass(.milliseconds(999)).requests.isEmpty)
        #expect(core.pass(.milliseconds(2)).requests.count == 8)
    }

    @Test func anOfferForAVersionThatIsNotKnownYet_isRemembered() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 20, flags: .directing)
        core.receive(.offer(ChunkReference(version: Core.version, chunk: 7)), from: 1)
        #expect(core.feed(.versionAdded(Core.plan(20))).requests.map { $0.chunk } == [7])
    }
}
