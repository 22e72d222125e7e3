import Swarm
import Testing
import Units
import Wire

/// Whom to dial, whom to accept, and what to tell others.
@Suite struct NeighbourhoodTests {
    private typealias Core = CoreUnderTest

    private func entry(_ number: UInt8, at address: IPAddress? = nil, port: UInt16 = 7447) -> PeerEntry {
        PeerEntry(
            node: Core.node(number), endpoint: Endpoint(address: address ?? Core.address(10, 0, 0, number), port: port))
    }

    private func peers(_ entries: [PeerEntry]) -> Message { .peers(Peers(fitting: entries)) }

    @Test func configuredPeers_areDialledAtOnce() {
        var core = Core()
        #expect(Set(core.feed(.peersConfigured(count: 3)).dials) == [.peer(0), .peer(1), .peer(2)])
    }

    @Test func aPeerThatDoesNotAnswer_isTriedAgain_lessAndLessOften() {
        var core = Core()
        core.feed(.peersConfigured(count: 1))
        var moments: [Double] = []
        for _ in 0..<6 {
            core.feed(.dialFailed(.peer(0), .unreachable))
            let start = core.now
            while core.effects.dials.isEmpty { core.pass(.milliseconds(100)) }
            moments.append((core.now - start).inSeconds)
        }
        #expect(zip(moments, moments.dropFirst()).allSatisfy { $0 < $1 }, "\(moments)")
        #expect(moments[0] <= 1.4)
    }

    @Test func theAgentItself_isNeverDialledAgain() {
        var core = Core()
        core.feed(.peersConfigured(count: 1))
        core.feed(.dialFailed(.peer(0), .itself))
        #expect(core.pass(.seconds(600)).dials.isEmpty)
    }

    @Test func aPeerThatIsConnectedAlready_isDialledOnlyWhenItIsLost() {
        var core = Core()
        core.connect(1)
        core.feed(.peersConfigured(count: 1))
        core.feed(.dialFailed(.peer(0), .duplicate(Core.node(1))))
        #expect(core.pass(.seconds(60)).dials.isEmpty)
        core.feed(.neighbourLost(Core.node(1)))
        #expect(core.pass(.seconds(2)).dials == [.peer(0)])
    }

    @Test func whatANeighbourTells_isDialled_untilThereAreEnough() {
        var core = Core()
        core.connect(1)
        let dials = core.receive(peers((2...40).map { entry($0) }), from: 1).dials
        #expect(dials.count == min(Limits.neighbourCountTarget - 1, Limits.dialCountMax))
        #expect(Set(dials).count == dials.count)
    }

    @Test func uselessAddresses_areDropped() {
        var core = Core()
        core.connect(1)
        let entries = [
            entry(2, at: Core.address(127, 0, 0, 1)), entry(3, at: Core.address(0, 0, 0, 0)),
            entry(4, at: Core.address(224, 0, 0, 1)), entry(5, port: 0), entry(0),
        ]
        #expect(core.receive(peers(entries), from: 1).dials.isEmpty)
    }

    @Test func loopbackAddresses_areTakenFromALoopbackNeighbour() {
        var core = Core()
        let introduction = Introduction(
            node: Core.node(1), listeningPort: 7001, remoteAddress: Core.address(127, 0, 0, 1))
        core.feed(.neighbourConnected(introduction))
        let entries = [entry(2, at: Core.address(127, 0, 0, 1))]
        #expect(core.receive(peers(entries), from: 1).dials.count == 1)
    }

    @Test func anotherNodeAnswers_theAddressIsForgotten() {
        var core = Core()
        core.connect(1)
        let target = core.receive(peers([entry(2)]), from: 1).dials[0]
        core.feed(.dialFailed(target, .wrongNode))
        #expect(core.pass(.seconds(600)).dials.isEmpty)
    }

    @Test func tooManyPeersFrames_areAnError() {
        var core = Core()
        core.connect(1)
        for _ in 0..<Limits.peersMessageCountPerMinuteMax {
            #expect(core.receive(peers([]), from: 1).disconnects.isEmpty)
        }
        #expect(core.receive(peers([]), from: 1).disconnects == [.tooManyAddresses])
    }

    @Test func newNeighbours_areToldToTheOthers_soonAtFirst_andLaterNoMoreThanEveryTenSeconds() {
        var core = Core()
        core.connect(1)
        var moments: [Double] = []
        var last = core.now
        for number: UInt8 in 2...8 {
            core.connect(number)
            for _ in 0..<120 where core.effects.sent(to: 1).isEmpty { core.pass(.milliseconds(100)) }
            let named = core.effects.sent(to: 1).compactMap {
                if case .peers(let peers) = $0 { peers.entries } else { nil }
            }
            #expect(named.last?.map(\.node) == (2...number).map { Core.node($0) })
            moments.append((core.now - last).inSeconds.rounded())
            last = core.now
        }
        #expect(moments == [1, 2, 4, 8, 10, 10, 10])
    }

    @Test func aNodeThatWasConnectedALittleAgo_isNamed_forTenMinutes() {
        var core = Core()
        core.connect(1)
        core.feed(.neighbourLost(Core.node(1)))
        func shared() -> [NodeID] {
            core.swarm.addressesToShare(with: Core.node(9), at: Core.address(10, 0, 0, 9), now: core.now).map {
                $0.node
            }
        }
        #expect(shared() == [Core.node(1)])
        core.pass(.seconds(601))
        #expect(shared().isEmpty)
    }

    @Test func aDeniedNode_isDisconnected_andNeitherAcceptedNorDialled() {
        var core = Core()
        core.connect(1)
        #expect(core.feed(.nodeDenied(Core.node(1))).disconnects == [.denied])
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) == .denied)
        core.connect(2)
        #expect(core.receive(peers([entry(1)]), from: 2).dials.isEmpty)
        #expect(core.feed(.nodeAllowed(Core.node(1))).dials.count == 1)
    }

    @Test func thereAreFarTooManyNeighbours_theNextIsToldBusy() {
        var core = Core()
        for number in 1...Limits.neighbourCountMax { core.connect(UInt8(number)) }
        #expect(core.swarm.admission(of: Core.node(200), now: core.now) == .full)
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) == .welcome)
    }

    @Test func labels_sayHowNearANodeIs() {
        var core = Core(labels: ["rack": "r1", "zone": "z1", "region": "e"])
        core.connect(1, labels: ["rack": "r1", "zone": "z1", "region": "e"])
        core.connect(2, labels: ["rack": "r2", "zone": "z1", "region": "e"])
        core.connect(3, labels: ["rack": "r3", "zone": "z3", "region": "w"])
        let distances = core.swarm.neighbourReports(now: core.now).map { $0.distance }
        #expect(distances == [.sameRack, .sameZone, .far])
    }

    @Test func aFault_isRemembered_twiceAsLongEachTime() {
        var core = Core()
        var seconds: [Double] = []
        for _ in 0..<9 {
            core.feed(.neighbourMisbehaved(Core.node(1), .malformed))
            guard case .setAside(.malformed, let until) = core.swarm.admission(of: Core.node(1), now: core.now) else {
                return #expect(Bool(false), "not set aside")
            }
            seconds.append((until - core.now).inSeconds)
            core.pass(until - core.now)
        }
        #expect(seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
        // Two quiet hours count for two halvings of what would come next.
        core.pass(.seconds(7200))
        core.feed(.neighbourMisbehaved(Core.node(1), .malformed))
        let until = core.now + .seconds(1800)
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) == .setAside(.malformed, until: until))
    }

    @Test func silenceAndDuplicates_areNoFault() {
        var core = Core()
        core.connect(1)
        core.feed(.neighbourMisbehaved(Core.node(1), .silent))
        #expect(core.effects.disconnects == [.silent])
        #expect(core.swarm.admission(of: Core.node(1), now: core.now) == .welcome)
    }
}
