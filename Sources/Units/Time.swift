/// A moment on the monotonic clock, for time-outs and rates. It says nothing about the date.
public struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Nanoseconds since an arbitrary moment of this boot.
    public let nanoseconds: Int64

    /// For clocks, and for tests that bring their own time.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Where simulations and tests start.
    public static let zero = Instant(nanoseconds: 0)

    /// In seconds, for logs.
    public var description: String { "\(Double(nanoseconds) / 1e9) s" }

    /// The earlier first. Only instants of one boot can be compared.
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// A later moment, or an earlier one if `right` is negative. Traps beyond 292 years.
    public static func + (left: Instant, right: Duration) -> Instant {
        Instant(nanoseconds: left.nanoseconds + right.wholeNanoseconds)
    }

    /// The time from `right` to `left`; negative if `left` is the earlier.
    public static func - (left: Instant, right: Instant) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }
}

extension Duration {
    /// Rounded toward zero. Good for 292 years.
    public var wholeNanoseconds: Int64 {
        // One division, where `components` makes two: the core computes with times all the time.
        Int64(attoseconds / 1_000_000_000)
    }

    /// For rates and for people.
    public var inSeconds: Double { Double(wholeNanoseconds) / 1e9 }

    /// Rounded toward zero.
    public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}

/// A date: seconds since 1970-01-01T00:00:00Z. It serves expiry, certificates and schedules, never a time-out.
public struct WallTime: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Seconds since 1970, without leap seconds.
    public let secondsSince1970: Int64

    /// Any second, also before 1970.
    public init(secondsSince1970: Int64) { self.secondsSince1970 = secondsSince1970 }

    /// The earlier date first.
    public static func < (left: WallTime, right: WallTime) -> Bool { left.secondsSince1970 < right.secondsSince1970 }
    /// Later by whole seconds; a fraction is dropped.
    public static func + (left: WallTime, right: Duration) -> WallTime {
        WallTime(secondsSince1970: left.secondsSince1970 + right.components.seconds)
    }

    /// RFC 3339 in UTC, for example `2026-11-21T09:00:00Z`.
    public var description: String {
        let (days, second) = secondsSince1970.quotientAndRemainder(dividingBy: 86_400)
        let secondOfDay = second < 0 ? second + 86_400 : second
        let (year, month, day) = WallTime.civilDate(daysSince1970: second < 0 ? days - 1 : days)
        let parts = [month, day, secondOfDay / 3600, secondOfDay / 60 % 60, secondOfDay % 60].map(WallTime.twoDigits)
        let paddedYear = String(repeating: "0", count: max(0, 4 - String(year).count)) + String(year)
        return "\(paddedYear)-\(parts[0])-\(parts[1])T\(parts[2]):\(parts[3]):\(parts[4])Z"
    }

    private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }

    /// The Gregorian date of a day number. Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    private static func civilDate(daysSince1970: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = daysSince1970 + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
