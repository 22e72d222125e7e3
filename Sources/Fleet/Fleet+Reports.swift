import Units

/// When this node signs its next record.
struct ReportClock: Hashable, Sendable {
    /// Whether something changed since the last.
    var hasChanged = true
    /// When the last was signed.
    var lastAt: Instant?
    /// Whether one was asked for and has not come.
    var isAsked = false
}

extension Fleet {
    func reportDueAt(now: Instant) -> Instant? {
        guard !report.isAsked else { return nil }
        guard let last = report.lastAt else { return now }
        guard report.hasChanged else { return last + reportPause }
        return last + max(Limits.statusChangePauseMin, Limits.statusChangePausePerNode * rows.count)
    }

    mutating func reportIfDue(now: Instant) {
        guard let due = reportDueAt(now: now), due <= now else { return }
        report.isAsked = true
        report.hasChanged = false
        effects.append(.report)
    }

    mutating func tell(_ status: HeldStatus, now: Instant) {
        report.isAsked = false
        report.lastAt = now
        rows[node] = FleetRow(status: status, heardAt: now)
        effects.append(.updated(node))
        spread(node, but: [], now: now)
    }
}
