import ArgumentParser
import Simulator

/// A number of bytes: `200MiB`, `512KiB`, `2.5GiB`, `1000`.
struct ByteSize: ExpressibleByArgument {
    let byteCount: Int

    init(byteCount: Int) { self.byteCount = byteCount }

    init?(argument: String) {
        let units: [(String, Double)] = [
            ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1),
        ]
        guard let value = quantity(argument, units), value >= 1, value < 1e15 else { return nil }
        byteCount = Int(value)
    }

    /// As `--help` shows it, in the largest unit of which it is a whole number.
    var defaultValueDescription: String {
        for (name, unit) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] where byteCount % unit == 0 {
            return "\(byteCount / unit)\(name)"
        }
        return "\(byteCount)B"
    }
}

/// Bits a second: `40Mbit`, `1Gbit`.
struct BitRate: ExpressibleByArgument {
    let bitsPerSecond: Double

    init?(argument: String) {
        guard let value = quantity(argument, [("kbit", 1e3), ("Mbit", 1e6), ("Gbit", 1e9), ("bit", 1)]), value >= 1
        else { return nil }
        bitsPerSecond = value
    }
}

/// A span of time: `0.2ms`, `3s`, `50us`.
struct TimeSpan: ExpressibleByArgument {
    let seconds: Double

    init?(argument: String) {
        guard let value = quantity(argument, [("us", 1e-6), ("ms", 1e-3), ("s", 1)]), value >= 0 else { return nil }
        seconds = value
    }
}

/// A number and one of the units; without a unit it counts as it is.
private func quantity(_ text: String, _ units: [(suffix: String, factor: Double)]) -> Double? {
    for unit in units where text.hasSuffix(unit.suffix) {
        return Double(text.dropLast(unit.suffix.count)).map { $0 * unit.factor }
    }
    return Double(text)
}

/// A planted bug by its name.
struct PlantName: ExpressibleByArgument {
    let plant: Scenario.Plant

    init?(argument: String) {
        guard let plant = Scenario.Plant(rawValue: argument) else { return nil }
        self.plant = plant
    }

    static var allValueStrings: [String] { Scenario.Plant.allCases.map(\.rawValue) }
}

/// Numbers above 0 with commas between them.
struct FactorList: ExpressibleByArgument {
    /// At least one.
    let factors: [Double]

    init?(argument: String) {
        let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? 0 }
        guard !numbers.isEmpty, numbers.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        factors = numbers
    }
}
