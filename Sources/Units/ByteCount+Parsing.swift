extension ByteCount {
    /// A number and a unit as people write them: `B`, `kB`, `MB`, `GB`, `TB`, `KiB`, `MiB`, `GiB`, `TiB`, with or
    /// without a blank between them, in any case of letters. Nil for anything else, and beyond an exabyte.
    public init?(parsing text: String) {
        let digits = text.prefix { $0.isASCII && ($0.isWholeNumber || $0 == ".") }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let number = Double(digits), number.isFinite, let factor = Self.factors[unit] else { return nil }
        let bytes = (number * factor).rounded()
        guard bytes >= 0, bytes <= 1e18 else { return nil }
        self.init(Int64(bytes))
    }

    private static let factors: [String: Double] = [
        "b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 1_024, "mib": 1_048_576, "gib": 1_073_741_824,
        "tib": 1_099_511_627_776,
    ]
}
