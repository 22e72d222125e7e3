internal import Units

/// How fast chunks came and went between two looks.
struct TrafficMeter {
    /// Payload since the agent started.
    struct Totals {
        let received: Int64
        let sent: Int64
    }

    /// Bytes per second.
    struct Rates {
        var received: UInt64 = 0
        var sent: UInt64 = 0
    }

    private var last: (at: Instant, totals: Totals)?

    /// The rates since the look before; zero at the first.
    mutating func rates(_ totals: Totals, now: Instant) -> Rates {
        defer { last = (now, totals) }
        guard let last, now > last.at else { return Rates() }
        let seconds = (now - last.at).inSeconds
        func rate(_ count: Int64) -> UInt64 { UInt64(max(0, Double(count) / seconds)) }
        return Rates(
            received: rate(totals.received - last.totals.received), sent: rate(totals.sent - last.totals.sent))
    }
}
