import Swarm
import Testing
import Units
import Wire

/// A fresh chunk spreads from all who have it.
@Suite struct QueueSharingTests {
    private typealias Core = CoreUnderTest
    private static let count = 300

    /// A source that thirteen neighbours ask for the same chunk: three are served, ten wait.
    private func crowdedSource(labels: [String: String] = [:], _ others: (UInt8) -> [String: String] = { _ in [:] })
        -> CoreUnderTest
    {
        var core = Core(labels: labels)
        core.feed(.versionAdded(Core.plan(Self.count, held: Core.all(Self.count).dropLast())))
        for number in 1...13 { core.connect(UInt8(number), labels: others(UInt8(number))) }
        for number in 1...13 { core.holdings(from: UInt8(number), count: Self.count, flags: .wants) }
        for number in 1...13 { core.ask(1, 4, from: UInt8(number)) }
        return core
    }

    @Test func anotherHasTheChunk_halfOfThoseWhoWaitAreSentThere() {
        var core = crowdedSource()
        core.feed(.uploadFinished(UploadID(neighbour: Core.node(1), request: 1)))
        let before = waitingCount(core)
        // Nine wait by now.
        #expect(core.have([4], from: 1).sent == Array(repeating: Self.elsewhere(1), count: 4))
        #expect(waitingCount(core) == before - 4)
    }

    @Test func whatAnotherSaidBeforeSendsNobodyAway() {
        var core = crowdedSource()
        core.have([4], from: 1)
        // Whoever was sent away comes back.
        for number: UInt8 in 2...13 { core.ask(2, 4, from: number) }
        #expect(waitingCount(core) >= 12)
        #expect(core.have([4], from: 1).sent.isEmpty)
    }

    @Test func withFewWaitingNobodyIsSentAway() {
        var core = crowdedSource()
        for number: UInt8 in 1...5 {
            core.feed(.uploadFinished(UploadID(neighbour: Core.node(number), request: 1)))
        }
        #expect(core.have([4], from: 1).sent.isEmpty)
    }

    private func waitingCount(_ core: CoreUnderTest) -> Int {
        core.swarm.neighbourReports(now: core.now).reduce(0) { $0 + $1.queuedUploadCount }
    }

    @Test func anotherHasAnotherChunk_nobodyIsSentAway() {
        var core = crowdedSource()
        #expect(core.have([5], from: 1).sent.isEmpty)
    }

    @Test func whoeverIsInAnotherPlaceThanTheHolderStays() {
        var core = crowdedSource(labels: ["rack": "r1"]) { ["rack": $0 == 1 ? "r2" : "r1"] }
        core.feed(.uploadFinished(UploadID(neighbour: Core.node(1), request: 1)))
        #expect(!core.have([4], from: 1).sent.contains(Self.elsewhere(1)))
    }

    @Test func whoeverIsSentAwayAsksAnotherThatHasTheChunkAtOnce() throws {
        var core = Core()
        core.feed(.versionAdded(Core.plan(1)))
        for number: UInt8 in 1...2 { core.connect(number) }
        core.holdings(from: 1, count: 1, held: [0])
        let first = try #require(core.effects.requests.first)
        core.holdings(from: 2, count: 1, held: [0])
        let again = core.receive(Self.elsewhere(first.request), from: 1).requests
        #expect(again.map(\.source) == [Core.node(2)])
    }

    @Test func whoeverKnowsOfNoOtherAsksAgainSoon() throws {
        var core = Core()
        core.feed(.versionAdded(Core.plan(1)))
        core.connect(1)
        core.holdings(from: 1, count: 1, held: [0])
        let first = try #require(core.effects.requests.first)
        #expect(core.receive(Self.elsewhere(first.request), from: 1).requests.isEmpty)
        #expect(core.pass(.milliseconds(49)).requests.isEmpty)
        #expect(core.pass(.milliseconds(1)).requests.map(\.source) == [Core.node(1)])
    }

    @Test func whoeverSendsEverybodyAwayIsLeftAloneForASecond() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(40)))
        for number: UInt8 in 1...2 { core.connect(number) }
        core.holdings(from: 1, count: 40, held: Core.all(40))
        core.holdings(from: 2, count: 40, held: Core.all(40))
        var open = core.effects.requests.filter { $0.source == Core.node(1) }
        var refusals = 0
        while let request = open.popLast(), refusals < 100 {
            refusals += 1
            open += core.receive(Self.elsewhere(request.request), from: 1).requests.filter { $0.source == Core.node(1) }
        }
        #expect(refusals <= 40)
        #expect(core.pass(.milliseconds(900)).requests.allSatisfy { $0.source != Core.node(1) })
    }

    @Test func aLoneSourceThatSendsEverybodyAwayIsLeftAloneForASecondToo() throws {
        var core = Core()
        core.feed(.versionAdded(Core.plan(1)))
        core.connect(1)
        core.holdings(from: 1, count: 1, held: [0])
        var open = try #require(core.effects.requests.first)
        for _ in 1..<32 {
            core.receive(Self.elsewhere(open.request), from: 1)
            open = try #require(core.pass(.milliseconds(50)).requests.first)
        }
        core.receive(Self.elsewhere(open.request), from: 1)
        #expect(core.pass(.milliseconds(999)).requests.isEmpty)
        #expect(core.pass(.milliseconds(1)).requests.count == 1)
    }

    @Test func aSourceThatIsLeftAloneIsNotAskedSoonerForWhatItRefusesMeanwhile() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(40)))
        core.connect(1)
        core.holdings(from: 1, count: 40, held: Core.all(40))
        var open = core.effects.requests
        // Asked for anew before all are refused, some are still open at the last.
        for count in 1...32 {
            if count == 4 || open.isEmpty { open += core.pass(.milliseconds(50)).requests }
            core.receive(Self.elsewhere(open.removeLast().request), from: 1)
        }
        #expect(!open.isEmpty)
        for request in open { core.receive(Self.elsewhere(request.request), from: 1) }
        #expect(core.pass(.milliseconds(999)).requests.isEmpty)
        #expect(!core.pass(.milliseconds(1)).requests.isEmpty)
    }

    private static func elsewhere(_ request: RequestID) -> Message {
        .refuse(Refuse(request: request, reason: .elsewhere))
    }
}
