import Swarm
import Testing
import Units
import Wire

/// When a source loses what was asked of it.
@Suite struct StallTests {
    private typealias Core = CoreUnderTest

    /// One chunk, two complete neighbours, one request.
    private func core() -> (CoreUnderTest, ChunkTicket, other: NodeID) {
        var core = Core()
        for number in 1...2 { core.connect(UInt8(number)) }
        for number in 1...2 { core.holdings(from: UInt8(number), count: 1, flags: .complete) }
        let ticket = core.feed(.versionAdded(Core.plan(1))).requests[0]
        return (core, ticket, Core.node(3 - ticket.source.bytes[15]))
    }

    @Test func aSilentSource_isProbed_andThenLosesItsRequestToAnother() {
        var (core, ticket, other) = core()
        let early = core.pass(.milliseconds(499))
        #expect(early.contains(.probe(ticket.source)))
        #expect(early.requests.isEmpty)
        let late = core.pass(.milliseconds(2))
        #expect(late.sent(to: ticket.source.bytes[15]) == [.cancel(ticket.request)])
        #expect(late.requests.map { $0.source } == [other])
        #expect(late.contains(.note(.sourceSilent(ticket.source, requestCount: 1))))
    }

    @Test func aSourceThatAnswersTheProbe_keepsItsRequest() {
        var (core, ticket, _) = core()
        for _ in 0..<4 {
            core.pass(.milliseconds(400))
            #expect(core.effects.requests.isEmpty)
            core.feed(.roundTripMeasured(ticket.source, .milliseconds(1)))
        }
    }

    @Test func aChunkThatBeganAndStopped_isTakenAwayEvenFromALivingSource() {
        var (core, ticket, other) = core()
        core.feed(.dataReceived(DataSpan(neighbour: ticket.source, request: ticket.request, offset: 0, byteCount: 10)))
        var requests: [ChunkTicket] = []
        for _ in 0..<8 {
            requests += core.pass(.milliseconds(200)).requests
            core.feed(.heard(ticket.source))
            requests += core.effects.requests
        }
        #expect(requests.first?.source == other)
    }

    @Test func aChunkThatNoSourceBringsInTheUsualTime_isGivenTwiceTheTimeByEach() throws {
        var (core, ticket, _) = core()
        var waits: [Int] = []
        for _ in 0..<4 {
            core.feed(
                .dataReceived(DataSpan(neighbour: ticket.source, request: ticket.request, offset: 0, byteCount: 10)))
            // Both sources live, and the chunk does not go on.
            var next: ChunkTicket?
            var stepCount = 0
            while next == nil, stepCount < 400 {
                stepCount += 1
                var effects = core.pass(.milliseconds(50))
                for number: UInt8 in 1...2 { effects += core.feed(.heard(Core.node(number))) }
                next = effects.requests.first
            }
            ticket = try #require(next)
            waits.append(stepCount)
        }
        for (wait, next) in zip(waits, waits.dropFirst()) { #expect(next * 2 > wait * 3, "\(waits)") }
    }

    @Test func aSourceWhoseBytesQueueAtASlowDownlink_keepsItsRequests() {
        var core = Core()
        for number in 1...2 { core.connect(UInt8(number)) }
        for number in 1...2 { core.holdings(from: UInt8(number), count: 400, flags: .complete) }
        var pending = core.feed(.versionAdded(Core.plan(400))).requests.filter { $0.source == Core.node(1) }
        var lost: [SwarmEffect] = []
        // Neighbour 1 fills the downlink with a chunk in half a second; what neighbour 2 sent comes after it.
        for _ in 0..<6 {
            let ticket = pending.removeFirst()
            for step in 0..<4 {
                lost += core.pass(.milliseconds(125))
                let span = DataSpan(
                    neighbour: ticket.source, request: ticket.request, offset: step << 14, byteCount: 1 << 14)
                lost += core.feed(.dataReceived(span))
            }
            lost += core.feed(.chunkVerified(ticket))
            pending += lost.requests.filter { $0.source == Core.node(1) && !pending.contains($0) }
        }
        #expect(!lost.contains { if case .note(.sourceSilent) = $0 { true } else { false } })
    }

    @Test func theOnlySource_keepsItsRequests_andAnswersLate() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 1, flags: .complete)
        let ticket = core.feed(.versionAdded(Core.plan(1))).requests[0]
        let effects = core.pass(.seconds(10))
        #expect(effects.sent.isEmpty)
        #expect(effects.disconnects.isEmpty)
        #expect(core.swarm.neighbourReports(now: core.now)[0].state == .silent)
        #expect(core.fetch(ticket).contains(.completed(Core.version)))
    }

    @Test func anotherSourceTurnsUp_itGetsWhatTheSilentOneHad() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 1, flags: .complete)
        core.feed(.versionAdded(Core.plan(1)))
        core.pass(.seconds(3))
        core.connect(2)
        core.holdings(from: 2, count: 1, flags: .complete)
        #expect(core.pass(.milliseconds(600)).requests.map { $0.source } == [Core.node(2)])
    }

    @Test func threeLossesInARow_setTheSourceAside() {
        var core = Core()
        for number in 1...2 { core.connect(UInt8(number)) }
        core.holdings(from: 1, count: 400, flags: .complete)
        core.holdings(from: 2, count: 400, flags: .complete)
        core.feed(.versionAdded(Core.plan(400)))
        var pending = core.effects.requests.filter { $0.source == Core.node(2) }
        var disconnects: [GoodbyeCode] = []
        // Neighbour 2 works, neighbour 1 says a word now and then and sends nothing.
        for round in 0..<200 where disconnects.isEmpty {
            if round % 40 == 39 { core.feed(.heard(Core.node(1))) }
            var effects = core.pass(.milliseconds(50))
            if let ticket = pending.first {
                pending.removeFirst()
                effects += core.fetch(ticket)
            }
            pending += effects.requests.filter { $0.source == Core.node(2) }
            disconnects = effects.disconnects
        }
        #expect(disconnects == [.stalled])
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) != .welcome)
    }

    @Test func aSourceAtATinyFractionOfTheOthers_losesItsRequests() {
        var core = Core()
        for number in 1...3 { core.connect(UInt8(number)) }
        for number in 1...3 { core.holdings(from: UInt8(number), count: 4000, flags: .complete) }
        core.feed(.versionAdded(Core.plan(4000)))
        var pending = core.effects.requests
        var slow = pending.filter { $0.source == Core.node(1) }[0]
        var sent = 0
        var notes: [SwarmEffect] = []
        for _ in 0..<70 where notes.isEmpty {
            var effects = core.pass(.milliseconds(50))
            for ticket in pending where ticket.source != Core.node(1) { effects += core.fetch(ticket) }
            pending = effects.requests
            let span = DataSpan(neighbour: slow.source, request: slow.request, offset: sent, byteCount: 100)
            sent += 100
            effects += core.feed(.dataReceived(span))
            notes = effects.filter { if case .note(.sourceSlow(Core.node(1), _)) = $0 { true } else { false } }
            if let next = effects.requests.first(where: { $0.source == Core.node(1) }) { slow = next }
        }
        #expect(!notes.isEmpty)
        #expect(core.now <= Instant.zero + .milliseconds(3200))
    }
}
