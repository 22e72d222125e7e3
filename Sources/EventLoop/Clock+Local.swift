internal import Glibc

extension Clock {
    /// The minute of the day, from 0 to 1,439, as the machine's time zone has it now; for schedules.
    public static func localMinuteOfDay() -> Int {
        // localtime_r need not notice that the zone was changed.
        tzset()
        var now = time(nil)
        var parts = unsafe tm()
        guard unsafe localtime_r(&now, &parts) != nil else { return 0 }
        return unsafe Int(parts.tm_hour) * 60 + Int(parts.tm_min)
    }
}
