import Testing

@testable import Swarm

/// What is known of a neighbour's speed, and for how long.
@Suite struct NeighbourTurnsTests {
    private static let neighbourCount = 10

    /// A neighbour whose first chunk took 2 s, and then others that gave so many in 0.1 s each.
    private static func slowStart(thenOthers count: Int) -> (slow: NeighbourTurns, turns: Turns) {
        var (slow, other, turns) = (NeighbourTurns(), NeighbourTurns(), Turns())
        slow.add(2, to: &turns, neighbourCount: neighbourCount)
        for _ in 0..<count { other.add(0.1, to: &turns, neighbourCount: neighbourCount) }
        return (slow, turns)
    }

    private static func expected(_ state: (slow: NeighbourTurns, turns: Turns)) -> Double {
        state.slow.expectedSeconds(state.turns, neighbourCount: neighbourCount)
    }

    @Test func aBadStart_isForgottenWhileOthersGive_butNotAtOnce() {
        #expect(Self.expected(Self.slowStart(thenOthers: 0)) == 2)
        #expect(Self.expected(Self.slowStart(thenOthers: 10)) > 1)
        #expect(Self.expected(Self.slowStart(thenOthers: 1000)) < 0.15)
    }

    @Test func whoeverWasForgotten_neverCountsAsFasterThanUsual() {
        let state = Self.slowStart(thenOthers: 1_000_000)
        #expect(Self.expected(state) >= state.turns.usualSeconds)
    }

    @Test func aFreshChunk_outweighsWhatIsLongPast() {
        var (slow, turns) = Self.slowStart(thenOthers: 1000)
        slow.add(0.1, to: &turns, neighbourCount: Self.neighbourCount)
        #expect(slow.seconds < 0.2)
        var (recent, sameTurns) = Self.slowStart(thenOthers: 0)
        recent.add(0.1, to: &sameTurns, neighbourCount: Self.neighbourCount)
        #expect(recent.seconds > 1)
    }

    @Test func aNewNeighbour_countsAsFast() {
        let turns = Self.slowStart(thenOthers: 10).turns
        #expect(NeighbourTurns().expectedSeconds(turns, neighbourCount: Self.neighbourCount) < 0.01)
    }
}
