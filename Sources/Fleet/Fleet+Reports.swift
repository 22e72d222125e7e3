import Units

/// When this node signs its next record.
struct ReportClock: Hashable, Sendable {
    /// Whether something changed since the last.
    var hasChanged = true
    /// When the last was signed.
    var lastAt: Instant?
    /// When one was asked for that has not come; it is asked for again after a while.
    var askedAt: Instant?
}

extension Fleet {
    func reportDueAt(now: Instant) -> Instant {
        if let asked = report.askedAt { return asked + Limits.statusAnswerPause }
        guard let last = report.lastAt else { return now }
        guard report.hasChanged else { return last + reportPause }
        return last + max(Limits.statusChangePauseMin, Limits.statusChangePausePerNode * rows.count)
    }

    mutating func reportIfDue(now: Instant) {
        guard reportDueAt(now: now) <= now else { return }
        report.askedAt = now
        report.hasChanged = false
        effects.append(.report)
    }

    mutating func tell(_ status: HeldStatus, now: Instant) {
        report.askedAt = nil
        report.lastAt = now
        let isRenewal = isRenewal(status)
        rows[node] = FleetRow(status: status, heardAt: now)
        effects.append(.updated(node))
        spread(node, but: [], isRenewal: isRenewal, now: now)
    }
}
