import Testing
import Units

@testable import Agent

@Suite struct LogQuotaTests {
    private let place = LogQuota.Place(file: "Some.swift", line: 7)
    private let start = Instant(nanoseconds: 0)

    @Test func aPlaceThatFloodsIsCutOffAndTheNextWindowSaysByHowMuch() {
        var quota = LogQuota()
        for _ in 0..<Limits.logLineCountMax { #expect(quota.take(place, now: start) == 0) }
        for _ in 0..<3 { #expect(quota.take(place, now: start) == nil) }
        let later = start + .seconds(Limits.logWindowSeconds)
        #expect(quota.take(place, now: later) == 3)
        #expect(quota.take(place, now: later) == 0)
    }

    @Test func otherPlacesGoOn() {
        var quota = LogQuota()
        for _ in 0...Limits.logLineCountMax { _ = quota.take(place, now: start) }
        #expect(quota.take(LogQuota.Place(file: "Some.swift", line: 8), now: start) == 0)
    }
}
