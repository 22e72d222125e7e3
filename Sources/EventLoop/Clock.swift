internal import CLibuv
internal import Glibc
public import Units

/// The system's clocks, from any thread. Floors 0 to 2 get what they say as arguments.
public enum Clock {
    /// The monotonic clock, for time-outs and rates.
    public static func now() -> Instant { Instant(nanoseconds: Int64(uv_hrtime())) }

    /// The date, for expiry, certificates and schedules.
    public static func wallTime() -> WallTime { WallTime(secondsSince1970: Int64(time(nil))) }
}
