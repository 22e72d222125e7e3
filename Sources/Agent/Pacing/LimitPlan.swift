internal import Units

/// Values for a part of the day, every day, in the machine's local time.
public struct LimitSchedule: Hashable, Sendable {
    /// From this minute of the day on.
    public let from: Int
    /// Up to this one, which is not in it any more; before `from` if midnight lies between.
    public let to: Int
    /// What applies meanwhile.
    public let values: [LimitKey: LimitValue]

    func covers(_ minute: Int) -> Bool {
        from < to ? minute >= from && minute < to : minute >= from || minute < to
    }

    /// For example `08:00-18:00`.
    var name: String { "\(Self.text(of: from))-\(Self.text(of: to))" }

    /// The minute of the day of `HH:MM`.
    static func minute(of text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.allSatisfy { $0.isASCII && $0.isWholeNumber } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    private static func text(of minute: Int) -> String {
        let parts = [minute / 60, minute % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return parts.joined(separator: ":")
    }
}

/// What a command said, kept across restarts.
struct LimitOrder: Codable, Sendable, Equatable {
    /// `LimitKey.Quantity`.
    let what: String
    /// `LinkClass`; nil for the node.
    let links: String?
    /// `LimitValue`.
    let value: String
    /// Seconds since 1970; nil until it is taken back.
    let until: Int64?

    init(_ key: LimitKey, _ value: LimitValue, until: WallTime?) {
        what = key.quantity.rawValue
        links = key.linkClass?.rawValue
        self.value = value.description
        self.until = until?.secondsSince1970
    }

    /// Nil for what a later version of this program wrote and this one does not know.
    var key: LimitKey? {
        guard let quantity = LimitKey.Quantity(rawValue: what) else { return nil }
        guard let links else { return LimitKey(quantity) }
        return LinkClass(rawValue: links).map { LimitKey(quantity, of: $0) }
    }

    func isOver(at now: WallTime) -> Bool { until.map { now.secondsSince1970 >= $0 } ?? false }
}

/// Everything that says how fast a node may send and receive: the configuration, its schedule, and commands.
///
/// For each key the last of these that says something is in force: the configuration, the entries of the schedule that
/// cover the time of day (a later one before an earlier), a command that is not over.
struct LimitPlan: Sendable, Equatable {
    var configured: [LimitKey: LimitValue] = [:]
    var schedules: [LimitSchedule] = []
    var orders: [LimitOrder] = []

    /// Whether what is in force may change by itself.
    var dependsOnTime: Bool { !schedules.isEmpty || orders.contains { $0.until != nil } }

    /// - Parameter minuteOfDay: of local time.
    func inForce(minuteOfDay: Int, now: WallTime) -> LimitsInForce {
        var values = configured.mapValues { LimitsInForce.Entry(value: $0, source: .configuration) }
        for schedule in schedules where schedule.covers(minuteOfDay) {
            for (key, value) in schedule.values { values[key] = .init(value: value, source: .schedule(schedule.name)) }
        }
        for order in orders where !order.isOver(at: now) {
            guard let key = order.key, let value = LimitValue(order.value, for: key.quantity) else { continue }
            let until = order.until.map { WallTime(secondsSince1970: $0) }
            values[key] = .init(value: value, source: .command(until: until))
        }
        return LimitsInForce(entries: values)
    }
}

/// What applies at one moment, and why.
struct LimitsInForce: Equatable {
    /// Who said so.
    enum Source: Equatable {
        case configuration
        case schedule(String)
        case command(until: WallTime?)
    }

    struct Entry: Equatable {
        let value: LimitValue
        let source: Source
    }

    var entries: [LimitKey: Entry] = [:]

    func rates(_ quantity: LimitKey.Quantity) -> PaceRates {
        var rates = PaceRates(all: rate(LimitKey(quantity)))
        for linkClass in LinkClass.allCases { rates.classes[linkClass] = rate(LimitKey(quantity, of: linkClass)) }
        return rates
    }

    private func rate(_ key: LimitKey) -> ByteRate? {
        guard case .rate(let rate)? = entries[key]?.value else { return nil }
        return rate
    }

    /// A class's own priority, else the node's, else normal.
    func priority(of linkClass: LinkClass) -> LinkPriority {
        for key in [LimitKey(.priority, of: linkClass), LimitKey(.priority)] {
            if case .priority(let priority)? = entries[key]?.value { return priority }
        }
        return .normal
    }
}
