import Testing
import Units

@testable import Simulator

@Suite struct AgendaTests {
    @Test func whatWasAddedComesOutByTimeAndOrder() {
        var agenda = Agenda<Int>()
        var random = SplitMix64(seed: 7)
        // Within a slot of the wheel, on the wheel, and far beyond it.
        let times = (0..<3_000).map { _ in
            Nanoseconds([100, 50_000, 5_000_000, 3_000_000_000].randomElement(using: &random) ?? 0)
                &* Nanoseconds.random(in: 0...40, using: &random)
        }
        for (number, time) in times.enumerated() { agenda.add(number, at: time, order: UInt64(number)) }
        let wanted = times.indices.sorted { (times[$0], $0) < (times[$1], $1) }
        #expect(agenda.count == times.count)
        #expect(drain(&agenda) == wanted)
        #expect(agenda.nextTime == nil)
    }

    @Test func whatIsAddedWhileItRunsComesInItsPlace() {
        var agenda = Agenda<Int>()
        var random = SplitMix64(seed: 8)
        agenda.add(0, at: 0, order: 0)
        var (last, taken): (Nanoseconds, Int) = (0, 0)
        var isInOrder = true
        while let (time, _, number) = agenda.next() {
            isInOrder = isInOrder && time >= last
            (last, taken) = (time, taken + 1)
            guard number < 2_000 else { continue }
            for child in 1...2 where number * 2 + child < 4_000 {
                let wait = Nanoseconds(1) << Nanoseconds.random(in: 0...31, using: &random)
                agenda.add(number * 2 + child, at: time + wait, order: UInt64(number * 2 + child))
            }
        }
        #expect(isInOrder)
        #expect(taken == 4_000)
    }

    private func drain(_ agenda: inout Agenda<Int>) -> [Int] {
        var found: [Int] = []
        while let (_, _, entry) = agenda.next() { found.append(entry) }
        return found
    }
}
