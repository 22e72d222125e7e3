import DequeModule
import OrderedCollections
import Units
import Wire

/// Names of records, both ways.
extension Fleet {
    mutating func join(_ neighbour: NodeID, now: Instant) {
        guard neighbours.place(of: neighbour) == nil else { return }
        var acquaintance = Acquaintance(now: now)
        for node in rows.keys.sorted() where node != neighbour { acquaintance.tell(of: node) }
        neighbours.add(neighbour, acquaintance)
        tellSoon(now: now)
    }

    mutating func leave(_ neighbour: NodeID, now: Instant) {
        neighbours.remove(neighbour)
        for node in inquiries.keys.sorted() {
            inquiries[node]?.others.removeAll { $0 == neighbour }
            if inquiries[node]?.source == neighbour { askAnother(about: node, now: now) }
        }
    }

    mutating func hear(_ news: [StatusNews], from neighbour: NodeID, now: Instant) {
        guard let place = neighbours.place(of: neighbour) else { return }
        let count = neighbours.values[place].heardAllowance.take(news.count, now: now)
        for entry in news.prefix(count) { hear(entry, from: neighbour, at: place, now: now) }
    }

    private mutating func hear(_ entry: StatusNews, from neighbour: NodeID, at place: Int, now: Instant) {
        let (subject, stamp) = (entry.node, entry.stamp)
        guard !denied.contains(subject), forgotten[subject].map({ $0 < stamp }) ?? true else { return }
        if let known = rows[subject]?.stamp, known >= stamp {
            if known == stamp {
                neighbours.values[place].needsNotHear(of: subject)
            } else {
                neighbours.values[place].tell(of: subject)
                tellSoon(now: now)
            }
            return
        }
        inquire(about: subject, stamp, of: neighbour, now: now)
    }

    private mutating func inquire(
        about subject: NodeID, _ stamp: StatusStamp, of neighbour: NodeID, now: Instant
    ) {
        if let inquiry = inquiries[subject] {
            if inquiry.stamp < stamp { inquiries[subject]?.stamp = stamp }
            if isAskedSooner(neighbour, than: inquiry) { return turn(to: neighbour, about: subject, now: now) }
            guard inquiry.source != neighbour, !inquiry.others.contains(neighbour),
                inquiry.others.count < Limits.statusTellerCountMax
            else { return }
            inquiries[subject]?.others.append(neighbour)
            return
        }
        // Whoever invents names must not keep out those of others.
        guard inquiries.count < Limits.fleetNodeCountMax,
            questionCount(to: neighbour) < Limits.statusQuestionCountPerNeighbourMax
        else { return }
        // Of itself a node asks with the certificate: its own record may be of an earlier one.
        let wantsCertificate = rows[subject] == nil || subject == node
        inquiries[subject] = Inquiry(stamp: stamp, source: neighbour, wantsCertificate: wantsCertificate)
        question(neighbour, about: subject)
        askSoon(now: now)
    }

    private func questionCount(to neighbour: NodeID) -> Int {
        neighbours.place(of: neighbour).map { neighbours.values[$0].questions.count } ?? 0
    }

    /// Whether a question that waits behind many others would be put to this neighbour much earlier.
    private func isAskedSooner(_ neighbour: NodeID, than inquiry: Inquiry) -> Bool {
        guard inquiry.phase == .waiting, inquiry.source != neighbour else { return false }
        return questionCount(to: neighbour) + Limits.statusQueryBurst < questionCount(to: inquiry.source)
    }

    private mutating func turn(to neighbour: NodeID, about subject: NodeID, now: Instant) {
        guard var inquiry = inquiries[subject] else { return }
        withdraw(subject, from: inquiry.source)
        inquiry.others.removeAll { $0 == neighbour }
        if inquiry.others.count < Limits.statusTellerCountMax { inquiry.others.append(inquiry.source) }
        inquiry.source = neighbour
        inquiries[subject] = inquiry
        question(neighbour, about: subject)
        askSoon(now: now)
    }

    /// All neighbours but those that named the record are told of it; of one that says nothing new, when there is more
    /// to tell or a while later. By then most of them have named it themselves.
    mutating func spread(_ subject: NodeID, but tellers: [NodeID], isRenewal: Bool, now: Instant) {
        for place in neighbours.values.indices {
            let neighbour = neighbours.keys[place]
            guard neighbour != subject, !tellers.contains(neighbour) else { continue }
            if isRenewal {
                neighbours.values[place].tell(ofRenewalOf: subject)
            } else {
                neighbours.values[place].tell(of: subject)
            }
        }
        if isRenewal { tellRenewals(by: now + renewalPause) } else { tellSoon(now: now) }
    }

    private mutating func tellRenewals(by moment: Instant) { renewalsAt = min(renewalsAt ?? moment, moment) }

    mutating func tellSoon(now: Instant) { tell(by: now + batchPause) }

    private mutating func tell(by moment: Instant) { newsAt = min(newsAt ?? moment, moment) }

    mutating func askSoon(now: Instant) { ask(by: now + batchPause) }

    private mutating func ask(by moment: Instant) { questionsAt = min(questionsAt ?? moment, moment) }

    /// Where records come often, as many as make a frame worth its while come soon.
    private var renewalPause: Duration {
        let pause = reportPause * Limits.statusRenewalCount / max(1, rows.count)
        return max(batchPause, min(pause, Limits.statusRenewalPauseMax))
    }

    /// How long what is new waits for more of it: in a large cluster there is always more.
    private var batchPause: Duration { max(Limits.statusBatchPause, Limits.statusBatchPausePerNode * rows.count) }

    /// Sends each neighbour what it may get now.
    mutating func flush(now: Instant) {
        if let moment = newsAt, moment <= now {
            newsAt = nil
            for place in neighbours.values.indices where !neighbours.values[place].news.isEmpty {
                flushNews(place, now: now)
            }
        }
        if let moment = renewalsAt, moment <= now {
            renewalsAt = nil
            for place in neighbours.values.indices { flushNews(place, now: now) }
        }
        if let moment = questionsAt, moment <= now {
            questionsAt = nil
            for place in neighbours.values.indices { flushQuestions(place, now: now) }
        }
    }

    private mutating func flushNews(_ place: Int, now: Instant) {
        let waiting = neighbours.values[place].newsCount
        guard waiting > 0 else { return }
        let count = neighbours.values[place].newsAllowance.take(min(waiting, Limits.statusNewsCountMax), now: now)
        let news = neighbours.values[place].takeNews(count).sorted().compactMap { subject in
            rows[subject].map { StatusNews(node: subject, stamp: $0.stamp) }
        }
        if !news.isEmpty { effects.append(.send(.statusNews(news), to: neighbours.keys[place])) }
        guard neighbours.values[place].newsCount > 0 else { return }
        // Not for each single one: whatever waits goes in batches.
        let next = max(neighbours.values[place].newsAllowance.nextAt(1, now: now), now + batchPause)
        if neighbours.values[place].news.isEmpty { tellRenewals(by: next) } else { tell(by: next) }
    }

    private mutating func flushQuestions(_ place: Int, now: Instant) {
        let (neighbour, deadline) = (neighbours.keys[place], now + Limits.statusAnswerPause)
        var questions: [StatusQuestion] = []
        while questions.count < Limits.statusQueryCountMax, let subject = neighbours.values[place].questions.first() {
            if let inquiry = inquiries[subject], inquiry.source == neighbour {
                let cost = inquiry.wantsCertificate ? Limits.statusCertificateCost : 1
                guard neighbours.values[place].queryAllowance.takeAll(cost, now: now) else {
                    ask(by: max(neighbours.values[place].queryAllowance.nextAt(cost, now: now), now + batchPause))
                    break
                }
                inquiries[subject]?.phase = .asked(deadline)
                deadlines.append((deadline, subject))
                questions.append(StatusQuestion(node: subject, wantsCertificate: inquiry.wantsCertificate))
            }
            neighbours.values[place].questions.remove(subject)
        }
        guard !questions.isEmpty else { return }
        effects.append(.send(.statusQuery(questions.sorted { $0.node < $1.node }), to: neighbour))
        if questions.count == Limits.statusQueryCountMax { ask(by: now + batchPause) }
    }
}
