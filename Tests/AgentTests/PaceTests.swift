import Testing
import Units

@testable import Agent

@Suite struct PaceTests {
    private func after(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    /// Sends pieces whenever it may, for so long, looking at the clock every `tick` milliseconds; the bytes.
    private func run(_ bucket: inout TokenBucket, seconds: Int64, piece: Int, tick: Int64 = 1) -> Int {
        var sent = 0
        for moment in stride(from: 0, to: seconds * 1000, by: Int(tick)) {
            while bucket.wait(now: after(Int64(moment))) == .zero {
                bucket.take(piece, now: after(Int64(moment)))
                sent += piece
            }
        }
        return sent
    }

    @Test(arguments: [(4_096, 1), (262_144, 1), (262_144, 40), (16_384, 7)])
    func overTenSecondsTheRateIsKeptWhateverThePiecesAndHoweverLateTheLoop(_ piece: Int, _ tick: Int64) {
        var bucket = TokenBucket(bytesPerSecond: 1e6, now: .zero)
        let sent = run(&bucket, seconds: 10, piece: piece, tick: tick)
        // The burst at the beginning and the last piece come on top.
        #expect(sent >= 10_000_000 - piece && sent <= 10_000_000 + 100_000 + piece, "\(sent)")
    }

    @Test func aPauseEarnsNoMoreThanTheBurst() {
        var bucket = TokenBucket(bytesPerSecond: 1e6, now: .zero)
        var sent = 0
        while bucket.wait(now: after(60_000)) == .zero {
            bucket.take(1_000, now: after(60_000))
            sent += 1_000
        }
        #expect(sent <= 101_000, "\(sent)")
    }

    @Test func theWaitIsAsLongAsTheDebtTakes() {
        var bucket = TokenBucket(bytesPerSecond: 1e6, now: .zero)
        bucket.take(600_000, now: .zero)
        #expect(bucket.wait(now: .zero) == .milliseconds(500))
        #expect(bucket.wait(now: after(499)) == .milliseconds(1))
        #expect(bucket.wait(now: after(500)) == .zero)
    }

    @Test func aDebtOfAFastRateIsNotPaidAtASlowOne() {
        var bucket = TokenBucket(bytesPerSecond: 1e9, now: .zero)
        bucket.take(200_000_000, now: .zero)
        bucket.setRate(1e5, now: .zero)
        #expect(bucket.wait(now: .zero) <= .milliseconds(100))
    }

    // MARK: Ledger

    @Test func aLinkFindsRoomInTheNodesBucketAndInThatOfItsClass() throws {
        var ledger = PaceLedger()
        let slow = try #require(ByteRate(bytesPerSecond: 100_000))
        let fast = try #require(ByteRate(bytesPerSecond: 1_000_000))
        ledger.setRates(PaceRates(all: fast, classes: [.far: slow]), now: .zero)
        ledger.take(110_000, over: .far, now: .zero)
        #expect(ledger.wait(for: .far, now: .zero) == .seconds(1))
        // The node's bucket lost its burst to the far link, and ten milliseconds more.
        #expect(ledger.wait(for: .rack, now: .zero) == .milliseconds(10))
        ledger.setRates(PaceRates(all: nil, classes: [.far: slow]), now: .zero)
        #expect(!ledger.isLimited(.rack) && ledger.isLimited(.far))
        #expect(ledger.wait(for: .rack, now: .zero) == .zero && ledger.wait(for: .far, now: .zero) > .zero)
        ledger.setRates(PaceRates(), now: .zero)
        #expect(ledger.wait(for: .far, now: .zero) == .zero)
    }

    @Test func piecesLastTwentyMillisecondsOfTheSlowestRate() throws {
        var ledger = PaceLedger()
        let rate = try #require(ByteRate(bytesPerSecond: 1_000_000))
        #expect(ledger.pieceByteCount(for: .far, atMost: 262_144) == 262_144)
        ledger.setRates(PaceRates(all: nil, classes: [.far: rate]), now: .zero)
        #expect(ledger.pieceByteCount(for: .far, atMost: 262_144) == 20_000)
        #expect(ledger.pieceByteCount(for: .rack, atMost: 262_144) == 262_144)
    }

    // MARK: Yielding

    /// A bottleneck with a queue, which a yielding link and somebody else share; times in milliseconds.
    private struct Path {
        let bytesPerSecond: Double
        let queueByteCountMax: Double
        var other = 0.0
        var queue = 0.0
        var acked = 0.0
        var lost = 0

        /// A step of ten milliseconds in which the link sends at `pace`.
        mutating func step(_ pace: Double) {
            let out = bytesPerSecond * 0.01
            let mine = pace * 0.01
            let arrived = mine + other * 0.01
            queue += arrived
            let served = min(queue, out)
            queue -= served
            acked += served * mine / max(1, arrived)
            if queue > queueByteCountMax {
                queue = queueByteCountMax
                lost += 1
            }
        }

        func sample() -> YieldingPace.Sample {
            .init(
                roundTrip: .microseconds(10_000 + Int64(queue / bytesPerSecond * 1e6)),
                roundTripMin: .milliseconds(10), ackedByteCount: Int64(acked), retransmittedSegmentCount: lost)
        }
    }

    /// Runs for so many seconds; what the link got, in bytes a second, in the last half.
    private func run(_ pace: inout YieldingPace, _ path: inout Path, from start: Int64, seconds: Int64) -> Double {
        var half = 0.0
        for tick in 0..<(seconds * 100) {
            path.step(pace.bytesPerSecond)
            let now = after(start * 1000 + tick * 10)
            if pace.wantsSample(now: now) { pace.note(path.sample(), least: 64_000, now: now) }
            if tick == seconds * 50 { half = path.acked }
        }
        return (path.acked - half) / Double(seconds) * 2
    }

    @Test func aloneALowPriorityLinkFillsTheWayAndKeepsTheQueueShort() {
        var pace = YieldingPace(now: .zero)
        var path = Path(bytesPerSecond: 5e6, queueByteCountMax: 1e6)
        let rate = run(&pace, &path, from: 0, seconds: 20)
        #expect(rate > 4.5e6, "\(rate)")
        #expect(path.queue / path.bytesPerSecond < 0.06 && path.lost == 0)
    }

    /// Of the second way the queue is too short to show in the delay: losses are all that tells, and each costs half.
    @Test(arguments: [(1e6, 4.2e6), (100_000, 2.5e6)])
    func besideSomebodyWhoFillsTheQueueItGoesDownAndComesBack(_ queueByteCountMax: Double, _ least: Double) {
        var pace = YieldingPace(now: .zero)
        var path = Path(bytesPerSecond: 5e6, queueByteCountMax: queueByteCountMax)
        _ = run(&pace, &path, from: 0, seconds: 10)
        path.other = 5.2e6
        let beside = run(&pace, &path, from: 10, seconds: 20)
        #expect(beside < 0.1 * 5e6, "\(beside)")
        path.other = 0
        let after = run(&pace, &path, from: 30, seconds: 30)
        #expect(after > least, "\(after)")
    }

    @Test func aPaceThatIsNotUsedDoesNotGrow() {
        var pace = YieldingPace(now: .zero)
        for step in 1...100 {
            pace.note(
                .init(
                    roundTrip: .milliseconds(10), roundTripMin: .milliseconds(10),
                    ackedByteCount: Int64(step) * 10_000, retransmittedSegmentCount: 0),
                least: 64_000, now: after(Int64(step) * 100))
        }
        #expect(pace.bytesPerSecond == 1e6)
    }
}
