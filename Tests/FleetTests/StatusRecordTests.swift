import Testing
import Units
import Wire

@testable import Fleet

@Suite struct StatusRecordTests {
    private static func channel(_ number: Int, reason: String = "") -> ChannelReport {
        guard let model = ModelName("models/m\(1_000 + number)") else { preconditionFailure("a model") }
        return ChannelReport(
            channel: ModelChannel(model: model, channel: .stable), state: .trial, fetchedPerMille: 1_000,
            wanted: Digest(exactly: Array(repeating: 1, count: 32)),
            served: Digest(exactly: Array(repeating: 2, count: 32)),
            failed: Digest(exactly: Array(repeating: 3, count: 32)), reason: reason)
    }

    private func record(_ channels: [ChannelReport] = [], labels: [Label] = []) -> StatusRecord {
        guard let name = NodeName("berth-1") else { preconditionFailure("a name") }
        return StatusRecord(
            cluster: FleetNet.cluster, node: FleetNet.node(5), stamp: StatusStamp(boot: .max, sequence: 1),
            issued: WallTime(secondsSince1970: 1_700_000_000), name: name, software: "shoal 1", state: "running",
            receivedPerSecond: 1, sentPerSecond: .max, labels: labels, channels: channels)
    }

    private func labels(_ count: Int) -> [Label] {
        (0..<count).compactMap { Label(key: "k\(10 + $0)", value: "v") }
    }

    @Test func whatIsWrittenIsRead() throws {
        let full = record([Self.channel(1), Self.channel(2, reason: "größer")], labels: labels(16))
        for record in [record(), full] { #expect(try StatusRecord(body: record.encode()) == record) }
        let signed = SignedStatus(body: full.encode(), signature: Array(repeating: 1, count: 72))
        #expect(try SignedStatus(signed.encode()) == signed)
    }

    /// A node that was pinned elsewhere in the midst of a trial has not stood it.
    @Test func whatServesInPlaceOfSomethingElseHasNotProvenItself() {
        var report = Self.channel(1)
        report.state = .serving
        #expect(!report.hasProven)
        report.wanted = report.served
        #expect(report.hasProven)
        report.state = .trial
        #expect(!report.hasProven)
    }

    @Test func whatDoesNotFitIsLeftOut_fromTheEnd() throws {
        let long = String(repeating: "x", count: 200)
        let many = record((0..<40).map { Self.channel($0, reason: long) }, labels: labels(16))
        let body = many.encode()
        #expect(SignedStatus(body: body, signature: Array(repeating: 1, count: 72)).encode().count <= 4_096)
        let read = try StatusRecord(body: body)
        #expect(read.channels == Array(many.channels.prefix(read.channels.count)))
        #expect(read.channels.count > 10)
        #expect(read.channels.first?.reason.utf8.count == Limits.statusReasonByteCountMax)
    }

    @Test func everyShorterBeginning_andAByteMore_isRefused() {
        let body = record([Self.channel(1)], labels: labels(1)).encode()
        for count in 0..<body.count {
            #expect(throws: DecodingError.self) { try StatusRecord(body: body.prefix(count)) }
        }
        #expect(throws: DecodingError.self) { try StatusRecord(body: body + [0]) }
    }

    /// What can be read is written as it was: no value has two forms.
    @Test func aChangedByteIsRefused_orIsAnotherValue() {
        let body = record([Self.channel(1), Self.channel(2)], labels: labels(2)).encode()
        for place in body.indices {
            for bit in 0..<8 {
                var changed = body
                changed[place] ^= 1 << bit
                guard let read = try? StatusRecord(body: changed) else { continue }
                #expect(read.encode() == changed, "byte \(place), bit \(bit)")
            }
        }
    }
}
