import Testing
import Units

@testable import Agent

@Suite struct LayoutSharesTests {
    private let start = Instant(nanoseconds: 5_000_000_000)
    private let layout = Digest(exactly: [UInt8](repeating: 7, count: 32))

    private func node(_ number: UInt8) -> NodeID { NodeID(exactly: [UInt8](repeating: number, count: 16)) }

    /// How many of ten nodes that ask at once get a layout of that size.
    private func takers(_ byteCount: Int) -> Int {
        var shares = LayoutShares()
        return (1...10).count {
            shares.take(layout, byteCount: byteCount, for: node($0), now: start, hasOpened: { _ in false })
        }
    }

    @Test func aSmallLayoutGoesToMoreAtOnceThanALargeOne() {
        #expect(takers(48 << 20) == 2)
        #expect(takers(64 << 10) == 2)
        #expect(takers(16 << 10) == 4)
        #expect(takers(1 << 10) == 10)
    }

    @Test func whoeverAnnouncedTheVersionMakesRoomForAnother() {
        var shares = LayoutShares()
        var opened: Set<NodeID> = []
        func take(_ number: UInt8) -> Bool {
            shares.take(layout, byteCount: 1 << 20, for: node(number), now: start) { opened.contains($0) }
        }
        let before = [take(1), take(2), take(3)]
        opened.insert(node(1))
        let after = [take(3), take(4)]
        #expect(before == [true, true, false])
        #expect(after == [true, false])
    }

    @Test func aReceiverThatNeverAnnouncesMakesRoomWhenItsTimeIsUp() {
        var shares = LayoutShares()
        func take(_ number: UInt8, after: Duration) -> Bool {
            let now = start + after
            shares.expire(now: now)
            return shares.take(layout, byteCount: 1 << 20, for: node(number), now: now, hasOpened: { _ in false })
        }
        let taken = [
            take(1, after: .zero), take(2, after: .zero), take(3, after: .milliseconds(1_249)),
            take(3, after: .milliseconds(1_250)),
        ]
        #expect(taken == [true, true, false, true])
    }

    @Test func theSameNodeAskingAgainTakesNoSecondShare() {
        var shares = LayoutShares()
        let taken = (1...5).map { _ in
            shares.take(layout, byteCount: 1 << 20, for: node(1), now: start, hasOpened: { _ in false })
        }
        let other = shares.take(layout, byteCount: 1 << 20, for: node(2), now: start, hasOpened: { _ in false })
        #expect(taken == [true, true, true, true, true])
        #expect(other)
    }
}
