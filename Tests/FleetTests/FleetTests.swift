import Testing
import Units
import Wire

@testable import Fleet

@Suite struct FleetTests {
    /// Nodes in a row, so that what one says has to be carried on.
    private func row(of count: Int) -> FleetNet {
        var net = FleetNet(count)
        for place in 1..<count { net.connect(place - 1, place) }
        return net
    }

    @Test func everybodyHearsOfEverybody() {
        var net = row(of: 8)
        net.run(for: .seconds(2))
        for place in 0..<8 { #expect(Set(net.known(at: place).keys) == Set(0..<8)) }
        #expect(net.blamed.isEmpty)
    }

    @Test func aChangeIsKnownEverywhere_withinASecond() {
        var net = row(of: 8)
        net.run(for: .seconds(5))
        let before = net.sequences[0]
        net.change(0)
        net.run(for: .seconds(1))
        for place in 0..<8 { #expect(net.known(at: place)[0] == before + 1) }
    }

    /// A record crosses a connection at most once, and the certificate only with the first.
    @Test func aRecordIsSentOnce_overEachConnection() {
        var net = FleetNet(5)
        for left in 0..<5 { for right in left + 1..<5 { net.connect(left, right) } }
        net.run(for: .seconds(5))
        net.sent = []
        net.change(0)
        net.run(for: .milliseconds(500))
        let records = net.sent.filter { $0.type == .status }
        #expect(records.count == 4)
        #expect(Set(records.map(\.to)) == [1, 2, 3, 4])
        let first = records.first?.byteCount ?? 0
        #expect(records.allSatisfy { $0.byteCount == first })
    }

    /// What says nothing new waits for company: the names of four records go to each neighbour in one frame or two.
    @Test func renewalsTravelTogether() {
        var net = FleetNet(5)
        for left in 0..<5 { for right in left + 1..<5 { net.connect(left, right) } }
        net.run(for: .seconds(5))
        let before = net.sequences
        net.sent = []
        for place in 0..<4 {
            net.handle(.changed, at: place)
            net.run(for: .milliseconds(100))
        }
        net.run(for: Limits.statusRenewalPauseMax * 2)
        for place in 0..<4 { #expect(net.known(at: 4)[place] == before[place] + 1) }
        let frames = Dictionary(grouping: net.sent.filter { $0.type == .statusNews }) { [$0.from, $0.to] }
        #expect(frames.values.map(\.count).max() ?? .max <= 2)
    }

    @Test func aRecordThatSaysSomethingNewTakesTheOthersAlong() {
        var net = row(of: 3)
        net.run(for: .seconds(5))
        net.sent = []
        net.handle(.changed, at: 1)
        net.run(for: .milliseconds(200))
        #expect(net.sent.filter { $0.type == .statusNews }.isEmpty)
        net.change(0)
        net.run(for: .milliseconds(200))
        #expect(net.known(at: 2)[0] == net.sequences[0] && net.known(at: 2)[1] == net.sequences[1])
    }

    /// What waits for company and turns out to be news is named once: a name that comes twice in a frame is an error.
    @Test func aRenewalThatBecomesNewsIsNamedOnce() {
        var net = FleetNet(4)
        for place in 1..<4 { net.connect(0, place) }
        net.run(for: .seconds(5))
        net.handle(.changed, at: 1)
        net.run(for: Limits.statusRenewalPauseMax + .milliseconds(100))
        #expect(net.known(at: 0)[1] == net.sequences[1] && net.known(at: 2)[1] != net.sequences[1])
        // Node 0 is about to name it to node 2, which now names the one before.
        let old = StatusNews(node: FleetNet.node(1), stamp: StatusStamp(boot: 1, sequence: net.sequences[1] - 1))
        net.handle(.news([old], from: FleetNet.node(2)), at: 0)
        net.run(for: .milliseconds(200))
        #expect(net.known(at: 2)[1] == net.sequences[1])
    }

    @Test func whoKeepsItsQueueFullDoesNotHurryTheOthersRenewals() {
        var net = FleetNet(3)
        net.connect(0, 1)
        net.connect(0, 2)
        net.run(for: .seconds(5))
        net.sent = []
        net.handle(.changed, at: 0)
        let old = StatusNews(node: FleetNet.node(2), stamp: StatusStamp(boot: 1, sequence: 0))
        for _ in 0..<10 {
            net.handle(.news([old], from: FleetNet.node(1)), at: 0)
            net.run(for: .milliseconds(100))
        }
        #expect(net.sent.contains { $0.from == 0 && $0.to == 1 && $0.type == .statusNews })
        #expect(!net.sent.contains { $0.from == 0 && $0.to == 2 && $0.type == .statusNews })
    }

    @Test func nobodyIsToldWhatItSaidItself() {
        var net = row(of: 2)
        net.run(for: .seconds(5))
        net.sent = []
        net.change(0)
        net.run(for: .milliseconds(500))
        #expect(net.sent.filter { $0.from == 1 && $0.type == .statusNews }.isEmpty)
    }

    @Test func withoutAChangeARecordComesAllTheSame() {
        var net = row(of: 3)
        net.run(for: .seconds(5))
        let before = net.known(at: 2)[0] ?? 0
        net.run(for: Limits.statusPauseMin + .seconds(1))
        #expect((net.known(at: 2)[0] ?? 0) > before)
        #expect(net.cores[2].isReporting(FleetNet.node(0), now: net.now))
    }

    @Test func whoIsCutOffFallsSilent_andIsForgottenAfterADay() {
        var net = row(of: 3)
        net.run(for: .seconds(5))
        net.disconnect(0, 1)
        net.run(for: Limits.statusPauseMin * (Limits.statusPauseCountSilent + 1))
        #expect(!net.cores[2].isReporting(FleetNet.node(0), now: net.now))
        #expect(net.cores[2].isReporting(FleetNet.node(1), now: net.now))
        net.run(for: .seconds(Limits.statusLifetimeSeconds + 700))
        #expect(net.known(at: 2)[0] == nil)
        #expect(net.known(at: 2)[1] != nil)
    }

    /// A newcomer takes over how old a record is.
    @Test func theAgeTravels() {
        var net = FleetNet(3)
        net.connect(0, 1)
        net.run(for: .seconds(5))
        net.disconnect(0, 1)
        net.run(for: .seconds(100))
        net.connect(1, 2)
        net.run(for: .seconds(2))
        let age = net.cores[2].age(of: FleetNet.node(0), now: net.now)
        #expect(age.map { (.seconds(95)..<Duration.seconds(110)).contains($0) } == true)
        #expect(!net.cores[2].isReporting(FleetNet.node(0), now: net.now))
    }

    @Test func aLaterStartCounts_evenWithALowerSequence() {
        var net = row(of: 3)
        net.run(for: .seconds(60))
        net.boots[0] = 2
        net.sequences[0] = 0
        net.change(0)
        net.run(for: .seconds(2))
        #expect(net.cores[2].rows[FleetNet.node(0)]?.stamp == StatusStamp(boot: 2, sequence: 1))
    }

    /// A state folder that was restored from a backup counts from below what the others remember.
    @Test func whoStartsBelowWhatOthersRemember_continuesAbove() {
        var net = row(of: 3)
        net.boots[0] = 9
        net.change(0)
        net.run(for: .seconds(5))
        net.disconnect(0, 1)
        net.cores[0] = Fleet(node: FleetNet.node(0))
        (net.boots[0], net.sequences[0]) = (3, 0)
        net.change(0)
        net.connect(0, 1)
        net.run(for: .seconds(5))
        #expect(net.cores[2].rows[FleetNet.node(0)]?.stamp.boot == 10)
        #expect(net.cores[2].isReporting(FleetNet.node(0), now: net.now))
    }

    @Test func aForgedRecordBlamesItsSender_andGoesNoFurther() {
        var net = row(of: 3)
        net.verdict = { record, _ in record.node == FleetNet.node(0) ? .refused(blames: true) : nil }
        net.run(for: .seconds(2))
        #expect(net.blamed.allSatisfy { $0.node == 0 && $0.by == 1 })
        #expect(!net.blamed.isEmpty)
        #expect(net.known(at: 1)[0] == nil)
        #expect(net.known(at: 2)[0] == nil)
    }

    @Test func aStaleCertificateIsAskedForAnew() {
        var net = row(of: 2)
        net.run(for: .seconds(5))
        // From now on only a certificate that came with the record will do.
        var asked = 0
        net.verdict = { _, certificate in certificate.last == 2 ? nil : .needsCertificate }
        net.change(0)
        net.run(for: .milliseconds(400))
        asked = net.sent.count { $0.type == .status && $0.to == 1 }
        // The certificate is asked for once; it is still the old one, so the record is given up.
        #expect(asked >= 2)
        #expect(net.blamed.isEmpty)
        let known = net.known(at: 1)[0]
        #expect(known.map { $0 < net.sequences[0] } == true)
    }

    @Test func aDeniedNodeHasNoRow_untilTheDenialIsLifted() {
        var net = row(of: 3)
        net.run(for: .seconds(5))
        net.handle(.denied(FleetNet.node(0), true), at: 2)
        net.run(for: .seconds(15))
        #expect(net.known(at: 2)[0] == nil)
        net.handle(.denied(FleetNet.node(0), false), at: 2)
        net.run(for: .seconds(15))
        #expect(net.known(at: 2)[0] != nil)
    }

    @Test func aForgottenNodeComesBackOnlyWithANewRecord() {
        var net = row(of: 3)
        net.run(for: .seconds(5))
        net.disconnect(0, 1)
        net.handle(.forgotten(FleetNet.node(0)), at: 2)
        // Node 1 still has the old record, and says so to whoever joins.
        net.disconnect(1, 2)
        net.connect(1, 2)
        net.run(for: .seconds(2))
        #expect(net.known(at: 2)[0] == nil)
        net.connect(0, 1)
        net.change(0)
        net.run(for: .seconds(5))
        #expect(net.known(at: 2)[0] != nil)
    }

    @Test func whoeverDoesNotAnswer_isNotWaitedFor() {
        var net = FleetNet(4)
        // 3 hears from 1 and 2 of node 0; 1 goes away before it answers.
        net.connect(0, 1)
        net.connect(0, 2)
        net.run(for: .seconds(2))
        net.handle(.joined(FleetNet.node(1)), at: 3)  // a connection on which nothing gets through
        net.handle(
            .news(
                [StatusNews(node: FleetNet.node(0), stamp: StatusStamp(boot: 1, sequence: 1))], from: FleetNet.node(1)),
            at: 3)
        net.connect(2, 3)
        net.run(for: .seconds(1))
        #expect(net.known(at: 3)[0] == nil)
        net.run(for: Limits.statusAnswerPause + .seconds(1))
        #expect(net.known(at: 3)[0] != nil)
    }

    @Test func aFloodOfNamesIsBounded() {
        var net = FleetNet(1)
        let stranger = NodeID(exactly: Array(repeating: 9, count: 16))
        net.handle(.joined(stranger), at: 0)
        for round in 0..<40 {
            let news = (0..<512).map { number in
                StatusNews(node: FleetNet.node(1 + round * 512 + number), stamp: StatusStamp(boot: 1, sequence: 1))
            }
            net.handle(.news(news.sorted { $0.node < $1.node }, from: stranger), at: 0)
        }
        #expect(net.cores[0].inquiries.count == Limits.statusHeardBurst)
        net.handle(.left(stranger), at: 0)
        #expect(net.cores[0].inquiries.isEmpty)
    }

    /// A name alone proves nothing: without the record, in this node's own hand, it goes on counting as it did.
    @Test(arguments: [UInt64.max, UInt64.max - 1, 5] as [UInt64]) func aNumberThatSomebodyInvents_isNotBelieved(
        boot: UInt64
    ) {
        var net = row(of: 2)
        net.run(for: .seconds(5))
        let invented = StatusNews(node: FleetNet.node(0), stamp: StatusStamp(boot: boot, sequence: .max))
        net.handle(.news([invented], from: FleetNet.node(1)), at: 0)
        net.run(for: .seconds(20))
        #expect(net.boots[0] == 1)
        #expect(net.cores[1].isReporting(FleetNet.node(0), now: net.now))
    }

    /// A node that invents names all the time does not keep out what others tell.
    @Test func inventedNamesDoNotKeepOutHonestOnes() {
        var net = FleetNet(3)
        net.connect(0, 1)
        let liar = NodeID(exactly: Array(repeating: 9, count: 16))
        net.handle(.joined(liar), at: 0)
        for round in 0..<60 {
            let news = (0..<512).map { number in
                StatusNews(
                    node: FleetNet.node(1_000 + round * 512 + number), stamp: StatusStamp(boot: 1, sequence: 1))
            }
            net.handle(.news(news.sorted { $0.node < $1.node } + [], from: liar), at: 0)
            net.run(for: .seconds(1))
        }
        // The liar names a real one first, too: whoever else names it is asked sooner.
        let real = StatusNews(node: FleetNet.node(2), stamp: StatusStamp(boot: 1, sequence: 1))
        net.handle(.news([real], from: liar), at: 0)
        net.connect(1, 2)
        net.run(for: .seconds(3))
        #expect(net.known(at: 0)[2] != nil)
    }

    /// Whoever passes a record on cannot make it older than its own date says.
    @Test func anAgeThatTheDateBelies_isNotBelieved() {
        var net = FleetNet(2)
        net.handle(.joined(FleetNet.node(1)), at: 0)
        let status = net.record(of: 1)
        net.handle(
            .news([StatusNews(node: FleetNet.node(1), stamp: status.record.stamp)], from: FleetNet.node(1)), at: 0)
        net.run(for: .milliseconds(100))
        let frame = StatusFrame(ageSeconds: 80_000, record: status.signed, certificate: status.certificate)
        net.verdict = { record, certificate in
            .genuine(
                HeldStatus(record: record, signed: status.signed, certificate: certificate), age: .zero,
                ageMax: .seconds(120))
        }
        net.handle(.status(frame, from: FleetNet.node(1)), at: 0)
        net.run(for: .seconds(1))
        #expect(net.cores[0].age(of: FleetNet.node(1), now: net.now).map { $0 < .seconds(130) } == true)
    }

    /// A signature that failed once must not silence the node for good.
    @Test func aReportThatDoesNotComeIsAskedForAgain() {
        var core = Fleet(node: FleetNet.node(0))
        func asks(at seconds: Int64) -> Bool {
            core.handle(.woken, now: .zero + .seconds(seconds)).contains {
                if case .report = $0 { true } else { false }
            }
        }
        #expect(asks(at: 0))
        #expect(!asks(at: 1))
        #expect(asks(at: Limits.statusAnswerPause.components.seconds))
    }

    @Test func unaskedRecordsAreDropped() {
        var net = FleetNet(2)
        net.handle(.joined(FleetNet.node(1)), at: 0)
        let status = net.record(of: 1)
        net.handle(
            .status(StatusFrame(ageSeconds: 0, record: status.signed, certificate: [1]), from: FleetNet.node(1)), at: 0)
        net.run(for: .seconds(1))
        #expect(net.known(at: 0)[1] == nil)
        #expect(net.blamed.isEmpty)
    }
}
