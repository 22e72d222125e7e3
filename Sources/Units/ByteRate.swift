/// Bytes a second, as operators write them.
///
/// The text of a rate names the same rate when it is read: `20 MB/s`, `512 KiB/s`, `1500000 B/s`.
public struct ByteRate: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// More than zero.
    public let bytesPerSecond: Int64

    /// Nil unless it is more than zero.
    public init?(bytesPerSecond: Int64) {
        guard bytesPerSecond > 0 else { return nil }
        self.bytesPerSecond = bytesPerSecond
    }

    /// A number and a unit: bytes (`B/s`, `kB/s`, `MB/s`, `GB/s`, `KiB/s`, `MiB/s`, `GiB/s`) or bits (`bit/s`,
    /// `kbit/s`, `Mbit/s`, `Gbit/s`), with or without a blank between them, in any case of letters. Nil for anything
    /// else, and for less than one byte a second or more than a terabyte.
    public init?(parsing text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isWholeNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Double(digits), number.isFinite, let factor = ByteRate.factors[unit] else { return nil }
        let rate = (number * factor).rounded()
        guard rate >= 1, rate <= 1e12 else { return nil }
        bytesPerSecond = Int64(rate)
    }

    /// In the largest decimal unit of bytes that gives at most two places, else in bytes.
    public var description: String {
        for (unit, factor) in [("GB/s", Int64(1_000_000_000)), ("MB/s", 1_000_000), ("kB/s", 1_000)]
        where bytesPerSecond >= factor && bytesPerSecond % (factor / 100) == 0 {
            let (whole, hundredths) = bytesPerSecond.quotientAndRemainder(dividingBy: factor)
            let places = hundredths / (factor / 100)
            guard places > 0 else { return "\(whole) \(unit)" }
            if places % 10 == 0 { return "\(whole).\(places / 10) \(unit)" }
            return "\(whole).\(places < 10 ? "0" : "")\(places) \(unit)"
        }
        return "\(bytesPerSecond) B/s"
    }

    /// The slower first.
    public static func < (left: ByteRate, right: ByteRate) -> Bool { left.bytesPerSecond < right.bytesPerSecond }

    private static let factors: [String: Double] = [
        "b/s": 1, "kb/s": 1e3, "mb/s": 1e6, "gb/s": 1e9,
        "kib/s": 1024, "mib/s": 1_048_576, "gib/s": 1_073_741_824,
        "bit/s": 0.125, "kbit/s": 125, "mbit/s": 125_000, "gbit/s": 125_000_000,
    ]
}
