import Swarm
import Testing
import Units
import Wire

/// What an agent does with more neighbours than it needs.
@Suite struct SurplusTests {
    private typealias Core = CoreUnderTest

    /// So many neighbours, of which the first one says that it is linked to all others.
    private func crowded(_ core: inout Core, _ count: Int, labels: [String: String] = [:]) {
        for number in 1...count { core.connect(UInt8(number), labels: labels) }
        let entries = (2...count).map { number in
            PeerEntry(
                node: Core.node(UInt8(number)),
                endpoint: Endpoint(address: Core.address(10, 0, 0, UInt8(number)), port: 7000))
        }
        core.receive(.peers(Peers(fitting: entries)), from: 1)
    }

    @Test func anIdleAgent_shedsUntilThereAreAmple() {
        var core = Core()
        crowded(&core, 40)
        let told = core.pass(.seconds(30)).disconnects
        #expect(told.count == 40 - Limits.neighbourCountAmple)
        #expect(told.allSatisfy { $0 == .busy })
        #expect(core.pass(.seconds(60)).disconnects.isEmpty)
    }

    @Test func whileSomethingIsFetched_nobodyIsShed() {
        var core = Core()
        core.feed(.versionAdded(Core.plan(4)))
        crowded(&core, 40)
        #expect(core.pass(.seconds(10)).disconnects.isEmpty)
    }

    @Test func whoIsLinkedToNobodyElse_isKept() {
        var core = Core()
        for number in 1...40 { core.connect(UInt8(number)) }
        #expect(core.pass(.seconds(10)).disconnects.isEmpty)
    }

    @Test func whereLabelsNameAPlace_itsRulesHold() {
        var core = Core(labels: ["rack": "1"])
        crowded(&core, 40, labels: ["rack": "1"])
        #expect(core.pass(.seconds(10)).disconnects.isEmpty)
    }
}
