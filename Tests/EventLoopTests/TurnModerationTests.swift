import Testing
import Units

@testable import EventLoop

/// When turns of the loop are held apart.
@Suite struct TurnModerationTests {
    private static let small = 1_500
    private static let large = 256 << 10

    /// How long each of so many turns is followed by a pause, if work takes that long and the next bytes are there.
    private func pauses(_ count: Int, byteCount: Int, work: Duration) -> [Duration] {
        var moderation = TurnModeration()
        var now = Instant.zero
        return (0..<count).map { _ in
            let pause = moderation.pause(afterReading: byteCount, at: now)
            now = now + pause + work
            return pause
        }
    }

    @Test func theFirstSmallTurns_followEachOtherAtOnce() {
        let first = pauses(16, byteCount: Self.small, work: .microseconds(10))
        #expect(first.allSatisfy { $0 == .zero }, "\(first)")
    }

    @Test func smallTurnsWithoutEnd_areHeldApart() {
        let late = pauses(200, byteCount: Self.small, work: .microseconds(100)).suffix(100)
        let sum = late.reduce(Duration.zero, +) + .microseconds(100) * 100
        #expect(sum >= TurnModeration.interval * 99 && sum <= TurnModeration.interval * 101, "\(sum)")
    }

    @Test func aTurnThatBroughtMuch_isFollowedAtOnce() {
        let all = pauses(200, byteCount: Self.large, work: .microseconds(100))
        #expect(all.allSatisfy { $0 == .zero })
    }

    @Test func turnsThatComeSeldom_areNotHeld() {
        let all = pauses(200, byteCount: Self.small, work: .milliseconds(5))
        #expect(all.allSatisfy { $0 == .zero })
    }

    @Test func noPauseIsLongerThanTheInterval() {
        #expect(pauses(500, byteCount: Self.small, work: .zero).allSatisfy { $0 <= TurnModeration.interval })
    }
}
