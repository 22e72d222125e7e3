import Testing
import Units

@testable import Agent

@Suite struct RateLimitTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    @Test func aBurstPassesAndWhatFollowsWaits() throws {
        var limit = RateLimit(burst: 3, perSecond: 10, now: start)
        let burst = (0..<3).map { _ in limit.take(now: start) }
        #expect(burst == [nil, nil, nil])
        let waits = [limit.take(now: start), limit.take(now: start)].map { $0?.wholeMilliseconds ?? 0 }
        #expect((100...102).contains(waits[0]) && (200...202).contains(waits[1]))
    }

    @Test func whoeverWaitsAsToldIsNotHeldUpAgain() throws {
        var limit = RateLimit(burst: 1, perSecond: 20, now: start)
        _ = limit.take(now: start)
        var now = start
        for _ in 0..<100 {
            guard let wait = limit.take(now: now) else { continue }
            #expect(wait <= .milliseconds(51))
            now = now + wait
        }
        #expect((now - start).inSeconds > 4.9 && (now - start).inSeconds < 5.3)
    }

    @Test func aLongPauseGivesBackNoMoreThanTheBurst() {
        var limit = RateLimit(burst: 2, perSecond: 1, now: start)
        let later = start + .seconds(3600)
        let waits = (0..<3).map { _ in limit.take(now: later) }
        #expect(waits[0] == nil && waits[1] == nil && waits[2] != nil)
    }
}
