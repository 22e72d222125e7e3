import DequeModule
import OrderedCollections
import Units
import Wire

/// The records themselves: asked for, checked, kept.
extension Fleet {
    mutating func answer(_ questions: [StatusQuestion], to neighbour: NodeID, now: Instant) {
        guard let place = neighbours.place(of: neighbour) else { return }
        let count = neighbours.values[place].answerAllowance.take(questions.count, now: now)
        for question in questions.prefix(count) {
            guard let row = rows[question.node] else { continue }
            let seconds = age(of: question.node, now: now)?.wholeNanoseconds ?? 0
            let frame = StatusFrame(
                ageSeconds: UInt32(clamping: seconds / 1_000_000_000), record: row.status.signed,
                certificate: question.wantsCertificate ? row.status.certificate : [])
            effects.append(.send(.status(frame), to: neighbour))
        }
    }

    mutating func receive(_ frame: StatusFrame, from neighbour: NodeID, now: Instant) {
        guard let signed = try? SignedStatus(frame.record), let head = try? head(of: signed) else {
            return effects.append(.blame(neighbour, "a status record is not in its form"))
        }
        guard let inquiry = inquiries[head.node], inquiry.source == neighbour, case .asked = inquiry.phase else {
            return
        }
        if let known = rows[head.node]?.stamp, known >= head.stamp { return askAnother(about: head.node, now: now) }
        let certificate = frame.certificate.isEmpty ? rows[head.node]?.status.certificate ?? [] : frame.certificate
        guard !certificate.isEmpty else { return askAgain(about: head.node, now: now) }
        guard checkCount < Limits.statusCheckCountMax else { return askAnother(about: head.node, now: now) }
        checkCount += 1
        inquiries[head.node]?.phase = .checking(.seconds(Int64(frame.ageSeconds)))
        inquiries[head.node]?.stamp = max(inquiry.stamp, head.stamp)
        effects.append(.check(head.node, head.stamp, signed: frame.record, certificate: certificate))
    }

    private func head(of signed: SignedStatus) throws(DecodingError) -> StatusHead {
        var reader = ByteReader(signed.body)
        return try StatusHead(from: &reader)
    }

    mutating func judge(_ subject: NodeID, _ stamp: StatusStamp, _ verdict: StatusVerdict, now: Instant) {
        checkCount -= 1
        guard let inquiry = inquiries[subject], case .checking(let age) = inquiry.phase else { return }
        switch verdict {
        case .genuine(let status, let leastAge, let mostAge):
            let age = min(max(age, leastAge), max(leastAge, mostAge))
            keep(status, heardAt: now + (.zero - age), inquiry, now: now)
        case .needsCertificate: askAgain(about: subject, now: now)
        case .refused(let blames):
            if blames { effects.append(.blame(inquiry.source, "a status record of \(subject) is not genuine")) }
            askAnother(about: subject, now: now)
        }
    }

    private mutating func keep(_ status: HeldStatus, heardAt: Instant, _ inquiry: Inquiry, now: Instant) {
        let subject = status.record.node
        guard now - heardAt < .seconds(Limits.statusLifetimeSeconds) else {
            return askAnother(about: subject, now: now)
        }
        guard subject != node else {
            // This node's own word, of a time that it does not remember: a folder that was restored, perhaps.
            end(subject)
            return effects.append(.outrun(status.record.stamp))
        }
        if status.record.stamp < inquiry.stamp {
            // Something newer was named meanwhile, perhaps by the same neighbour.
            inquiries[subject]?.others.append(inquiry.source)
            askAnother(about: subject, now: now)
        } else {
            end(subject)
        }
        guard !denied.contains(subject), rows[subject].map({ $0.stamp < status.record.stamp }) ?? true else { return }
        if rows[subject] == nil, rows.count >= Limits.fleetNodeCountMax { dropOldest() }
        let isRenewal = isRenewal(status)
        rows[subject] = FleetRow(status: status, heardAt: heardAt)
        forgotten[subject] = nil
        effects.append(.updated(subject))
        spread(subject, but: inquiry.others + [inquiry.source], isRenewal: isRenewal, now: now)
    }

    /// Whether it says no more than what is known of its node.
    func isRenewal(_ status: HeldStatus) -> Bool {
        rows[status.record.node].map { status.record.isRenewal(of: $0.status.record) } ?? false
    }

    // MARK: Asking

    /// The same neighbour is asked for the certificate as well; once.
    private mutating func askAgain(about subject: NodeID, now: Instant) {
        guard let inquiry = inquiries[subject] else { return }
        guard !inquiry.wantsCertificate else { return askAnother(about: subject, now: now) }
        inquiries[subject]?.wantsCertificate = true
        ask(inquiry.source, about: subject, now: now)
    }

    /// The next that named the record is asked; without one it is given up until it is named again.
    mutating func askAnother(about subject: NodeID, now: Instant) {
        guard var inquiry = inquiries[subject] else { return }
        withdraw(subject, from: inquiry.source)
        guard !inquiry.others.isEmpty else { return end(subject) }
        inquiry.source = inquiry.others.removeFirst()
        inquiries[subject] = inquiry
        ask(inquiry.source, about: subject, now: now)
    }

    private mutating func ask(_ neighbour: NodeID, about subject: NodeID, now: Instant) {
        inquiries[subject]?.phase = .waiting
        question(neighbour, about: subject)
        askSoon(now: now)
    }

    private mutating func end(_ subject: NodeID) {
        guard let inquiry = inquiries.removeValue(forKey: subject) else { return }
        // A start asks about thousands at once, and a dictionary keeps its room.
        if inquiries.isEmpty, inquiries.capacity > Limits.statusNewsCountMax { inquiries = [:] }
        withdraw(subject, from: inquiry.source)
    }

    mutating func question(_ neighbour: NodeID, about subject: NodeID) {
        if let place = neighbours.place(of: neighbour) { neighbours.values[place].questions.add(subject) }
    }

    mutating func withdraw(_ subject: NodeID, from neighbour: NodeID) {
        if let place = neighbours.place(of: neighbour) { neighbours.values[place].questions.remove(subject) }
    }

    mutating func giveUpLateQuestions(now: Instant) {
        while let first = deadlines.first, first.at <= now {
            deadlines.removeFirst()
            if inquiries[first.node]?.phase == .asked(first.at) { askAnother(about: first.node, now: now) }
        }
    }

    // MARK: Forgetting

    mutating func deny(_ subject: NodeID) {
        denied.insert(subject)
        remove(subject)
    }

    mutating func forget(_ subject: NodeID) {
        guard subject != node, let stamp = rows[subject]?.stamp else { return }
        if forgotten.count >= Limits.forgottenNodeCountMax { forgotten.removeFirst() }
        forgotten[subject] = stamp
        remove(subject)
    }

    private mutating func remove(_ subject: NodeID) {
        end(subject)
        if rows.removeValue(forKey: subject) != nil { effects.append(.updated(subject)) }
    }

    private mutating func dropOldest() {
        let oldest = rows.filter { $0.key != node }.min { ($0.value.heardAt, $0.key) < ($1.value.heardAt, $1.key) }
        if let oldest { remove(oldest.key) }
    }

    mutating func expireRows(now: Instant) {
        if let nextExpiry, nextExpiry > now { return }
        nextExpiry = now + .seconds(600)
        let limit = Duration.seconds(Limits.statusLifetimeSeconds)
        for subject in rows.keys.sorted() where subject != node {
            if let row = rows[subject], now - row.heardAt >= limit { remove(subject) }
        }
    }
}
