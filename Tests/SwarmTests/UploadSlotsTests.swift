import Testing
import Units

@testable import Swarm

/// How many chunks are sent at once, by what the uplink gains.
@Suite struct UploadSlotsTests {
    /// Lets a node send for so many seconds over an uplink that is full with `fullAt` chunks at once.
    private func slots(after seconds: Int, fullAt: Int, isWanted: Bool = true) -> [Int] {
        var slots = UploadSlots(3...12)
        var seen: [Int] = []
        for step in 0..<seconds * 100 {
            let byteCount = min(slots.count, fullAt) * 10_000
            slots.note(byteCount, isWanted: isWanted, at: .zero + .milliseconds(Int64(step) * 10))
            seen.append(slots.count)
        }
        return seen
    }

    private func usual(_ counts: [Int]) -> Int {
        let late = counts.suffix(counts.count / 2).sorted()
        return late[late.count / 2]
    }

    @Test func anUplinkThatIsFull_keepsTheFewest_andIsTriedOnlyNowAndThen() {
        let counts = slots(after: 60, fullAt: 3)
        #expect(usual(counts) == 3)
        #expect(counts.filter { $0 > 3 }.count < counts.count / 5)
    }

    @Test(arguments: [5, 8]) func anUplinkThatIsNotFull_getsAsManyAsFillIt_soon(count: Int) {
        let counts = slots(after: 30, fullAt: count)
        #expect(usual(counts) >= count && usual(counts) <= count + count / 2)
        let first = counts.firstIndex { $0 >= count } ?? .max
        #expect(first < 200, "after \(first) hundredths of a second")
    }

    @Test func thereAreNeverMoreThanTheBound() {
        #expect(slots(after: 60, fullAt: 1_000).allSatisfy { (3...12).contains($0) })
    }

    @Test func whatIsSentWhileNobodyWaits_saysNothing() {
        #expect(slots(after: 10, fullAt: 8, isWanted: false).allSatisfy { $0 == 3 })
    }
}
