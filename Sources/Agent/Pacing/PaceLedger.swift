internal import Units

/// The limits of one direction: a bucket for all links together, and one more for each class of links that has a limit
/// of its own. A link must find room in both.
struct PaceLedger {
    private var all: TokenBucket?
    private var classes: [LinkClass: TokenBucket] = [:]

    /// Changes the limits; a class or direction without a rate has none.
    mutating func setRates(_ rates: PaceRates, now: Instant) {
        all = Self.bucket(all, rates.all, now: now)
        for linkClass in LinkClass.allCases {
            classes[linkClass] = Self.bucket(classes[linkClass], rates.classes[linkClass], now: now)
        }
    }

    private static func bucket(_ old: TokenBucket?, _ rate: ByteRate?, now: Instant) -> TokenBucket? {
        guard let rate else { return nil }
        var bucket = old ?? TokenBucket(bytesPerSecond: Double(rate.bytesPerSecond), now: now)
        bucket.setRate(Double(rate.bytesPerSecond), now: now)
        return bucket
    }

    /// Whether anything holds links of this class back.
    func isLimited(_ linkClass: LinkClass) -> Bool { all != nil || classes[linkClass] != nil }

    /// How long a link of this class has to wait; zero for not at all.
    func wait(for linkClass: LinkClass, now: Instant) -> Duration {
        max(all?.wait(now: now) ?? .zero, classes[linkClass]?.wait(now: now) ?? .zero)
    }

    /// So much went over a link of this class.
    mutating func take(_ byteCount: Int, over linkClass: LinkClass, now: Instant) {
        all?.take(byteCount, now: now)
        classes[linkClass]?.take(byteCount, now: now)
    }

    /// What one piece on a link of this class may have, at most `most`.
    func pieceByteCount(for linkClass: LinkClass, atMost most: Int) -> Int {
        min(most, all?.pieceByteCount ?? most, classes[linkClass]?.pieceByteCount ?? most)
    }
}

/// The rates of one direction.
struct PaceRates: Equatable {
    /// Of all links together.
    var all: ByteRate?
    /// Beside that, of those of one class together.
    var classes: [LinkClass: ByteRate] = [:]
}
