internal import CLibuv
internal import Glibc
public import Units

/// The system's clocks, from any thread. Floors 0 to 2 get what they say as arguments.
public enum Clock {
    /// The monotonic clock, for time-outs and rates.
    public static func now() -> Instant { Instant(nanoseconds: Int64(uv_hrtime())) }

    /// The date, for expiry, certificates and schedules.
    public static func wallTime() -> WallTime { WallTime(secondsSince1970: Int64(time(nil))) }

    /// How long until a date; nil once it has come.
    public static func pause(until moment: WallTime) -> Duration? {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return nil }
        let now = Duration.seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
        let pause = .seconds(moment.secondsSince1970) - now
        return pause > .zero ? pause : nil
    }

    /// The date with milliseconds, in RFC 3339 and UTC, for logs.
    public static func preciseWallTime() -> String {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return wallTime().description }
        let seconds = WallTime(secondsSince1970: Int64(time.tv_sec)).description.dropLast()
        let milliseconds = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        return "\(seconds).\(milliseconds)Z"
    }
}
