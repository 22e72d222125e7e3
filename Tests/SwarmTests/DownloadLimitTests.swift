import Swarm
import Testing
import Units
import Wire

/// What a limit of the downloads does to the window.
@Suite struct DownloadLimitTests {
    private typealias Core = CoreUnderTest

    /// What is asked of a neighbour that has everything, at first.
    private func requestCount(limitedTo rates: Double?...) -> Int {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 40, flags: .complete)
        for rate in rates { core.feed(.limitsChanged(downloadBytesPerSecond: rate)) }
        return core.feed(.versionAdded(Core.plan(40))).requests.count
    }

    @Test func underALimit_aSecondsWorthIsAskedFor_andTwoChunksAtLeast() {
        #expect(requestCount() == 8)
        #expect(requestCount(limitedTo: Double(5 * Core.chunkByteCount)) == 5)
        #expect(requestCount(limitedTo: 1_000) == 2)
        #expect(requestCount(limitedTo: 1e9) == 8)
    }

    @Test func aLimitThatIsTakenBack_isForgotten() {
        #expect(requestCount(limitedTo: 1_000, nil) == 8)
    }

    @Test func aLimitThatRises_asksForMoreAtOnce() {
        var core = Core()
        core.connect(1)
        core.holdings(from: 1, count: 40, flags: .complete)
        core.feed(.limitsChanged(downloadBytesPerSecond: 1_000))
        core.feed(.versionAdded(Core.plan(40)))
        #expect(core.feed(.limitsChanged(downloadBytesPerSecond: nil)).requests.count == 6)
    }

    @Test func theDistanceOfANeighbour_isThatOfItsLabels() {
        var core = Core()
        core.connect(1)
        #expect(core.swarm.distance(to: Core.node(1)) == .sameRegion)
        #expect(core.swarm.distance(to: Core.node(2)) == nil)
    }
}
