public import Manifest

/// How far the outputs of a calibration are from what its publisher expects, over all samples: the measures that the
/// gates of `documents.md`, section 9, speak of.
public struct OutputComparison: Sendable {
    /// The least cosine of a sample's output; 1 if there was none.
    public private(set) var cosineMin = 1.0
    /// The largest difference between two numbers at the same place.
    public private(set) var differenceMax = 0.0
    /// True if a number was not finite where a finite one was expected.
    public private(set) var hasNonFinite = false
    private var agreements: [String: (count: Int, of: Int)] = [:]

    /// Nothing compared yet.
    public init() {}

    /// The share of samples whose largest element is where it should be, in the output where it is least; 1 if there
    /// was none.
    public var argmaxShare: Double {
        agreements.values.map { Double($0.count) / Double($0.of) }.min() ?? 1
    }

    /// Takes one sample of one output, flattened.
    /// - Precondition: Both have as many elements.
    public mutating func add(_ output: String, expected: [Double], actual: [Double]) {
        precondition(expected.count == actual.count, "\(expected.count) numbers against \(actual.count)")
        guard actual.allSatisfy(\.isFinite) else {
            hasNonFinite = true
            return
        }
        var (dot, expectedSquare, actualSquare) = (0.0, 0.0, 0.0)
        for (left, right) in zip(expected, actual) {
            dot += left * right
            expectedSquare += left * left
            actualSquare += right * right
            differenceMax = max(differenceMax, abs(left - right))
        }
        cosineMin = min(cosineMin, Self.cosine(dot, expectedSquare, actualSquare))
        let isSame = Self.indexOfLargest(expected) == Self.indexOfLargest(actual)
        let before = agreements[output] ?? (0, 0)
        agreements[output] = (before.count + (isSame ? 1 : 0), before.of + 1)
    }

    /// Two vectors of zeros are alike; one of them is like nothing else.
    private static func cosine(_ dot: Double, _ leftSquare: Double, _ rightSquare: Double) -> Double {
        if leftSquare == 0, rightSquare == 0 { return 1 }
        let product = (leftSquare * rightSquare).squareRoot()
        return product > 0 && product.isFinite ? max(-1, min(1, dot / product)) : 0
    }

    /// The first of equal ones; nil of nothing.
    private static func indexOfLargest(_ numbers: [Double]) -> Int? {
        numbers.indices.max { numbers[$0] < numbers[$1] || (numbers[$0] == numbers[$1] && $0 > $1) }
    }

    /// Which gate says no, with what was measured; nil if none.
    public func fault(against gates: Gates) -> String? {
        if hasNonFinite { return "an output is not a finite number (NaN or infinity)" }
        if let least = gates.cosineMin, cosineMin < least {
            let cosine = cosineMin.rounded(to: 4)
            return "the cosine to the expected outputs is \(cosine), and \(least) is the least (cosine.min)"
        }
        if let most = gates.differenceMax, differenceMax > most {
            return "an output differs by \(differenceMax.rounded(to: 6)), and \(most) is the most (difference.max)"
        }
        if let least = gates.argmaxMin, argmaxShare < least {
            let share = argmaxShare.rounded(to: 4)
            return "the largest element agrees in \(share) of the samples, and \(least) is the least (argmax.min)"
        }
        return nil
    }
}

extension Double {
    /// For people.
    func rounded(to places: Int) -> Double {
        let scale = (0..<places).reduce(1.0) { product, _ in product * 10 }
        return (self * scale).rounded() / scale
    }
}
