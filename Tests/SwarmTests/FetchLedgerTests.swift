import Testing
import Units

@testable import Swarm

@Suite struct FetchLedgerTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test func eachMomentGoesToTheStateThatWasEnteredLast() {
        var ledger = FetchLedger()
        ledger.enter(.waiting, at: at(100))
        ledger.enter(.source, at: at(300))
        ledger.enter(.source, at: at(350))
        ledger.enter(.disk, at: at(1000))
        let times = ledger.times(at: at(1100))
        #expect(times[.waiting] == .milliseconds(200) && times[.source] == .milliseconds(700))
        #expect(times[.disk] == .milliseconds(100) && times[.ownLink] == .zero && times[.hashing] == .zero)
        #expect(times.total == .milliseconds(1000) && times.main == .source)
    }

    @Test func timeThatPassesWhilePausedIsOnNobodysAccount() {
        var ledger = FetchLedger()
        #expect(ledger.times(at: at(50)).main == nil)
        ledger.enter(.hashing, at: at(50))
        ledger.enter(nil, at: at(60))
        ledger.enter(.hashing, at: at(500))
        #expect(ledger.times(at: at(510)).total == .milliseconds(20))
    }

    @Test(arguments: [[1, 1, 1, 0, 0], [7, 11, 13, 17, 19], [1, 999_999, 0, 0, 0], [0, 0, 0, 0, 3]])
    func sharesAddUpToOneWhateverRoundingDoes(lengths: [Int64]) {
        var times = HoldUpTimes()
        for (holdUp, length) in zip(HoldUp.allCases, lengths) { times[holdUp] = .milliseconds(length) }
        #expect(times.thousandths.values.reduce(0, +) == 1000)
        #expect(times.thousandths.values.allSatisfy { $0 >= 0 })
    }

    @Test func noTimeHasNoShares() {
        #expect(HoldUpTimes().thousandths.values.allSatisfy { $0 == 0 } && HoldUpTimes().thousandths.count == 5)
    }

    @Test func theTimesOfTwoStretchesAreAddedOneByOne() {
        var first = HoldUpTimes()
        first[.waiting] = .seconds(1)
        var second = HoldUpTimes()
        second[.waiting] = .seconds(2)
        second[.disk] = .seconds(4)
        #expect((first + second)[.waiting] == .seconds(3) && (first + second).main == .disk)
    }
}

@Suite struct LinkGaugeTests {
    /// Feeds windows of half a second with these rates, in bytes a second; whether the link was full after each.
    private func feed(_ gauge: inout LinkGauge, _ rates: [Double], potential: Double, from start: Instant = .zero)
        -> [Bool]
    {
        var now = start
        if gauge.best == 0 { _ = gauge.add(0, at: now) }
        return rates.map { rate in
            now = now + .milliseconds(500)
            if let length = gauge.add(Int(rate / 2), at: now) {
                gauge.endWindow(of: length, potential: potential, at: now)
            }
            return gauge.isFull(at: now)
        }
    }

    @Test func aPlateauOfSourcesThatCouldGiveMoreIsTheOwnLink() {
        var gauge = LinkGauge()
        #expect(feed(&gauge, [1000, 4000, 4100, 3900, 2000], potential: 8000) == [false, false, true, true, false])
        #expect(gauge.best == 4100)
    }

    @Test func aPlateauOfSourcesThatNeverGaveMoreIsNot() {
        var gauge = LinkGauge()
        #expect(feed(&gauge, [4000, 4100, 3900], potential: 4000) == [false, false, false])
    }

    @Test func aConfiguredLimitDecidesAlone() {
        var gauge = LinkGauge()
        gauge.configured = 1000
        #expect(feed(&gauge, [500, 950, 1000, 700], potential: 0) == [false, true, true, false])
    }

    @Test func afterASecondWithoutBytesNothingIsKnownAnyMore() {
        var gauge = LinkGauge()
        _ = feed(&gauge, [4000, 4000], potential: 8000)
        #expect(gauge.isFull(at: .zero + .milliseconds(1900)))
        #expect(!gauge.isFull(at: .zero + .milliseconds(2000)))
    }

    @Test func theBestIsForgottenAfterTwoPeriods() {
        var gauge = LinkGauge()
        _ = feed(&gauge, [4000, 1000], potential: 0)
        var now = Instant.zero + .seconds(1)
        for _ in 0..<2 {
            #expect(gauge.best == 4000)
            now = now + .seconds(601)
            gauge.endWindow(of: .seconds(601), potential: 0, at: now)
        }
        #expect(gauge.best == 0)
    }

    @Test func aSmoothedRateFollowsWhatComesAndFallsWhenNothingDoes() {
        var rate = SmoothedRate(at: .zero)
        for step in 1...40 { rate.add(100, at: .zero + .milliseconds(Int64(step) * 100)) }
        let end = Instant.zero + .seconds(4)
        #expect(abs(rate.current(at: end) - 1000) < 120)
        #expect(rate.current(at: end + .seconds(3)) < 400)
        #expect(rate.current(at: end + .seconds(60)) < 1)
    }

    @Test func beforeTheFirstWholeWindowTheRateIsThatOfItsPart() {
        var rate = SmoothedRate(at: .zero)
        #expect(rate.current(at: .zero) == 0)
        rate.add(100, at: .zero + .milliseconds(100))
        #expect(rate.current(at: .zero + .milliseconds(200)) == 500)
    }
}
