extension Duration {
    /// A time as people write it: whole numbers with `s`, `m`, `h` or `d`, the larger first, such as `90s` or `1h30m`.
    /// Nil for anything else, for no time at all, and beyond 3,660 days.
    public init?(parsing text: String) {
        let factors: [(Character, Int64)] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)]
        var rest = text[...]
        var seconds: Int64 = 0
        var next = 0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isWholeNumber }
            guard let number = Int64(digits), number <= 316_224_000, let unit = rest.dropFirst(digits.count).first,
                let place = factors[next...].firstIndex(where: { $0.0 == unit })
            else { return nil }
            seconds += number * factors[place].1
            next = place + 1
            rest = rest.dropFirst(digits.count + 1)
        }
        guard seconds > 0, seconds <= 316_224_000 else { return nil }
        self = .seconds(seconds)
    }
}
