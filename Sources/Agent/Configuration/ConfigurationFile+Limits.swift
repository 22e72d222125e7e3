internal import EventLoop
internal import TOMLKit
internal import Units

/// `[limits]`, `[limits.far]` and its like, and `[[limits.schedule]]`.
extension ConfigurationReader {
    func congestionControl(
        _ name: String?, _ key: String, after header: TableHeader? = nil
    ) throws(ConfigurationError) -> String {
        guard let name, CongestionControl.isKnown(name) else {
            let available = CongestionControl.available.joined(separator: ", ")
            throw wrong(key, "a kernel's name of a congestion control (here: \(available))", after: header)
        }
        return name
    }

    func readLimits(into configuration: inout AgentConfiguration) throws(ConfigurationError) {
        guard let limits = table["limits"]?.table else { throw wrong("limits", "a table") }
        let header = TableHeader(path: "limits")
        for key in limits.keys.sorted() {
            if key == "schedule" {
                configuration.limitSchedules = try schedules(limits[key]?.array)
            } else if let linkClass = LinkClass(rawValue: key) {
                try readLinks(linkClass, limits[key]?.table, into: &configuration)
            } else if let quantity = LimitKey.Quantity(rawValue: key) {
                configuration.limits[LimitKey(quantity)] = try value(limits[key]?.string, quantity, after: header)
            } else {
                throw unknown(key, in: "limits.", after: header)
            }
        }
    }

    private func readLinks(
        _ linkClass: LinkClass, _ links: TOMLTable?, into configuration: inout AgentConfiguration
    ) throws(ConfigurationError) {
        guard let links else { throw wrong(linkClass.rawValue, "a table") }
        let header = TableHeader(path: "limits.\(linkClass.rawValue)")
        for key in links.keys.sorted() {
            if key == "congestion_control" {
                configuration.congestionControls[linkClass] = try congestionControl(
                    links[key]?.string, key, after: header)
            } else if let quantity = LimitKey.Quantity(rawValue: key) {
                let value = try value(links[key]?.string, quantity, after: header)
                configuration.limits[LimitKey(quantity, of: linkClass)] = value
            } else {
                throw unknown(key, in: "\(header.path).", after: header)
            }
        }
    }

    // MARK: Schedule

    private func schedules(_ array: TOMLArray?) throws(ConfigurationError) -> [LimitSchedule] {
        guard let array, array.count <= Limits.limitScheduleCountMax else {
            throw wrong("schedule", "a list of at most \(Limits.limitScheduleCountMax) tables, [[limits.schedule]]")
        }
        var schedules: [LimitSchedule] = []
        for element in array {
            guard let table = element.table else { throw wrong("schedule", "a list of tables, [[limits.schedule]]") }
            schedules.append(try schedule(table, TableHeader(path: "limits.schedule", number: schedules.count)))
        }
        return schedules
    }

    private func schedule(_ table: TOMLTable, _ header: TableHeader) throws(ConfigurationError) -> LimitSchedule {
        var values: [LimitKey: LimitValue] = [:]
        for key in table.keys.sorted() where key != "from" && key != "to" {
            if let linkClass = LinkClass(rawValue: key) {
                guard let links = table[key]?.table else { throw wrong(key, "a table", after: header) }
                for name in links.keys.sorted() {
                    guard let quantity = LimitKey.Quantity(rawValue: name) else {
                        throw unknown(name, in: "limits.schedule.\(key).", after: header)
                    }
                    values[LimitKey(quantity, of: linkClass)] = try value(links[name]?.string, quantity, after: header)
                }
            } else if let quantity = LimitKey.Quantity(rawValue: key) {
                values[LimitKey(quantity)] = try value(table[key]?.string, quantity, after: header)
            } else {
                throw unknown(key, in: "limits.schedule.", after: header)
            }
        }
        let from = try minute(table["from"]?.string, "from", header)
        let to = try minute(table["to"]?.string, "to", header)
        guard from != to else { throw wrong("to", "another time than from", after: header) }
        return LimitSchedule(from: from, to: to, values: values)
    }

    private func minute(_ text: String?, _ key: String, _ header: TableHeader) throws(ConfigurationError) -> Int {
        guard let minute = text.flatMap({ LimitSchedule.minute(of: $0) }) else {
            throw wrong(key, "a time of day in quotes, from \"00:00\" to \"23:59\"", after: header)
        }
        return minute
    }

    private func value(
        _ text: String?, _ quantity: LimitKey.Quantity, after header: TableHeader
    ) throws(ConfigurationError) -> LimitValue {
        guard let value = text.flatMap({ LimitValue($0, for: quantity) }) else {
            throw wrong(quantity.rawValue, LimitValue.expectation(of: quantity), after: header)
        }
        return value
    }
}
