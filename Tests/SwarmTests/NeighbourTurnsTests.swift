import Testing

@testable import Swarm

/// What is known of a neighbour's speed, and for how long.
@Suite struct NeighbourTurnsTests {
    private static let neighbourCount = 10

    /// Of neighbours that give a chunk in 0.1 s each, one took 2 s for one of its own; then others gave so many more.
    private static func slowStart(thenOthers count: Int) -> (slow: NeighbourTurns, all: Turns) {
        var (slow, other, all) = (NeighbourTurns(), NeighbourTurns(), Turns())
        func add(_ seconds: Double, to one: inout NeighbourTurns) {
            one.add(seconds, byteCount: 1000, to: &all, neighbourCount: neighbourCount)
        }
        for _ in 0..<100 { add(0.1, to: &other) }
        add(2, to: &slow)
        for _ in 0..<count { add(0.1, to: &other) }
        return (slow, all)
    }

    private static func expected(_ state: (slow: NeighbourTurns, all: Turns)) -> Double {
        state.slow.expectedSeconds(state.all, neighbourCount: neighbourCount)
    }

    @Test func aBadStart_isForgottenWhileOthersGive_butNotAtOnce() {
        #expect(Self.expected(Self.slowStart(thenOthers: 0)) == 2)
        #expect(Self.expected(Self.slowStart(thenOthers: 10)) > 1)
        #expect(Self.expected(Self.slowStart(thenOthers: 1000)) < 0.15)
    }

    @Test func whoeverWasForgotten_neverCountsAsFasterThanUsual() {
        let state = Self.slowStart(thenOthers: 1_000_000)
        #expect(Self.expected(state) >= state.all.usualSeconds)
    }

    @Test func aFreshChunk_outweighsWhatIsLongPast() {
        var (slow, all) = Self.slowStart(thenOthers: 1000)
        slow.add(0.1, byteCount: 1000, to: &all, neighbourCount: Self.neighbourCount)
        #expect(slow.seconds < 0.2)
        var (recent, sameAll) = Self.slowStart(thenOthers: 0)
        recent.add(0.1, byteCount: 1000, to: &sameAll, neighbourCount: Self.neighbourCount)
        #expect(recent.seconds > 1)
    }

    @Test func aNewNeighbour_countsAsFast() {
        let all = Self.slowStart(thenOthers: 10).all
        #expect(NeighbourTurns().expectedSeconds(all, neighbourCount: Self.neighbourCount) < 0.01)
    }
}
