import Manifest
import Rollout
import Testing
import Units

@Suite struct OutputComparisonTests {
    private func comparison(_ samples: [([Double], [Double])]) -> OutputComparison {
        var comparison = OutputComparison()
        for (expected, actual) in samples { comparison.add("out", expected: expected, actual: actual) }
        return comparison
    }

    @Test func equalOutputsPassTheStrictestGates() {
        let same = comparison([([1, 2, 3], [1, 2, 3]), ([0, 0, 0], [0, 0, 0])])
        #expect((same.cosineMin, same.differenceMax, same.argmaxShare) == (1, 0, 1))
        var gates = Gates()
        (gates.cosineMin, gates.differenceMax, gates.argmaxMin) = (1, 0, 1)
        #expect(same.fault(against: gates) == nil)
    }

    @Test func theWorstSampleCounts() {
        let mixed = comparison([([1, 0], [1, 0]), ([3, 4], [4, 3]), ([1, 0], [1, 0.5])])
        #expect(abs(mixed.cosineMin - 2 / 5.0.squareRoot()) < 1e-12)
        #expect(mixed.differenceMax == 1)
        #expect(abs(mixed.argmaxShare - 2.0 / 3) < 1e-12)
    }

    @Test(
        arguments: [
            ([1, 0], [0, 1], 0), ([1, 0], [-1, 0], -1), ([1, 1], [0, 0], 0), ([0, 0], [1, 1], 0),
            ([1e200, 0], [1e200, 0], 0), ([1e-3, 0], [5, 0], 1),
        ] as [([Double], [Double], Double)])
    func cosines(expected: [Double], actual: [Double], cosine: Double) {
        #expect(abs(comparison([(expected, actual)]).cosineMin - cosine) < 1e-12)
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity]) func whatIsNotFiniteFailsWithoutAnyGate(number: Double) {
        #expect(comparison([([1, 2], [1, number])]).fault(against: Gates())?.contains("finite") == true)
    }

    @Test func theFirstOfEqualLargestElementsCounts() {
        #expect(comparison([([1, 1, 0], [1, 0.5, 0])]).argmaxShare == 1)
        #expect(comparison([([1, 1, 0], [0.5, 1, 0])]).argmaxShare == 0)
    }

    @Test func theOutputThatAgreesLeastCounts() {
        var comparison = OutputComparison()
        comparison.add("a", expected: [0, 1], actual: [0, 1])
        comparison.add("b", expected: [0, 1], actual: [1, 0])
        comparison.add("b", expected: [0, 1], actual: [0, 1])
        #expect(comparison.argmaxShare == 0.5)
    }

    @Test func aGateOnEitherSideOfTheMeasureDecides() {
        let off = comparison([([1, 0], [0.96, 0.28])])
        var gates = Gates()
        gates.cosineMin = 0.95
        #expect(off.fault(against: gates) == nil)
        gates.cosineMin = 0.97
        #expect(off.fault(against: gates)?.contains("0.96") == true)
        gates = Gates()
        gates.differenceMax = 0.27
        #expect(off.fault(against: gates)?.contains("difference.max") == true)
        gates.differenceMax = 0.29
        #expect(off.fault(against: gates) == nil)
    }
}
