internal import Control
internal import EventLoop
internal import Trust
internal import Units

/// `limit`: what commands say about rates and priority.
@LoopActor
struct LimitAPI {
    let traffic: TrafficControl

    /// Answers the method.
    func attach(to server: ControlServer) {
        server.answer(SetLimits.self) { (request, _) throws(ControlError) in try await change(request) }
    }

    private func change(_ request: SetLimits) async throws(ControlError) -> LimitReport {
        let linkClass = try linkClass(request.links)
        let values = try values(request)
        let until = try end(request, hasValues: !values.isEmpty)
        guard request.clear || !values.isEmpty else { return report() }
        do throws(TrustError) {
            try await traffic.change { orders in
                if request.clear { orders.removeAll { linkClass == nil || $0.key?.linkClass == linkClass } }
                for (quantity, value) in values {
                    let key = LimitKey(quantity, of: linkClass)
                    orders.removeAll { $0.key == key }
                    orders.append(LimitOrder(key, value, until: until))
                }
            }
        } catch {
            throw ControlError(.failed, "the limit could not be kept: \(error)")
        }
        return report()
    }

    private func linkClass(_ name: String?) throws(ControlError) -> LinkClass? {
        guard let name else { return nil }
        guard let linkClass = LinkClass(rawValue: name) else {
            throw ControlError(.wrongUsage, "\(name) is no class of links", hint: "They are \(LinkClass.names).")
        }
        return linkClass
    }

    private func values(
        _ request: SetLimits
    ) throws(ControlError) -> [(LimitKey.Quantity, LimitValue)] {
        var values: [(LimitKey.Quantity, LimitValue)] = []
        for (quantity, number) in [(LimitKey.Quantity.upload, request.upload), (.download, request.download)] {
            guard let number else { continue }
            if number == 0 {
                values.append((quantity, .unlimited))
            } else if number >= Limits.linkRateMin, let rate = ByteRate(bytesPerSecond: number) {
                values.append((quantity, .rate(rate)))
            } else {
                let least = ByteRate(bytesPerSecond: Limits.linkRateMin)?.description ?? ""
                throw ControlError(
                    .wrongUsage, "\(quantity.rawValue) of \(number) bytes a second is too little",
                    hint: "A limit is at least \(least): below it neighbours would take this node for stalled.")
            }
        }
        if let name = request.priority {
            guard let priority = LinkPriority(rawValue: name) else {
                throw ControlError(.wrongUsage, "\(name) is no priority", hint: "They are low and normal.")
            }
            values.append((.priority, .priority(priority)))
        }
        return values
    }

    private func end(_ request: SetLimits, hasValues: Bool) throws(ControlError) -> WallTime? {
        guard let seconds = request.seconds else { return nil }
        guard hasValues else { throw ControlError(.wrongUsage, "a time without a limit means nothing") }
        guard (1...Limits.limitSecondsMax).contains(seconds) else {
            throw ControlError(.wrongUsage, "a limit is for at most 366 days, not for \(seconds) s")
        }
        return Clock.wallTime() + .seconds(seconds)
    }

    // MARK: Telling

    private func report() -> LimitReport {
        var keys = LimitKey.Quantity.allCases.map { LimitKey($0) }
        keys += traffic.inForce.entries.keys.filter { $0.linkClass != nil }.sorted()
        return LimitReport(items: keys.map { status(of: $0, traffic.inForce.entries[$0]) })
    }

    private func status(of key: LimitKey, _ entry: LimitsInForce.Entry?) -> LimitStatus {
        var (bytesPerSecond, priority) = (Int64(0), "")
        switch entry?.value {
        case .rate(let rate): bytesPerSecond = rate.bytesPerSecond
        case .priority(let set): priority = set.rawValue
        case .unlimited, nil: priority = key.quantity == .priority ? LinkPriority.normal.rawValue : ""
        }
        var (source, schedule, until) = ("default", "", "")
        switch entry?.source {
        case .configuration: source = "configuration"
        case .schedule(let name): (source, schedule) = ("schedule", name)
        case .command(let end): (source, until) = ("command", end?.description ?? "")
        case nil: break
        }
        return LimitStatus(
            what: key.quantity.rawValue, links: key.linkClass?.rawValue ?? "", bytesPerSecond: bytesPerSecond,
            priority: priority, source: source, schedule: schedule, until: until)
    }
}
