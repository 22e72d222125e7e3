import Testing
import Units

@testable import Manifest

@Suite struct DenyListTests {
    private let keys = TestKey.all
    private let subject = DenySubject.version(Samples.model, Samples.digest(7))

    private func verified(_ record: DenyRecord, by signers: [TestKey]? = nil) throws -> Verified<DenyRecord> {
        let root = try Root(
            cluster: Samples.cluster, clusterName: Samples.name("c"), version: 1, issued: Samples.time, epoch: 9,
            certificates: [[1]], keys: [keys[0].rootKey(.all), keys[1].rootKey(.all)], thresholds: Thresholds())
        return try Verified<DenyRecord>.verify(
            record.signed(by: signers ?? [keys[0]]).encode(), under: root, checks: TestKey.checks)
    }

    @Test func aLaterRecord_liftsAndDeniesAgain_andAnEarlierOneDoesNothing() throws {
        var list = DenyList()
        #expect(try list.apply(verified(Samples.deny(subject, counter: 1))) == .newer)
        #expect(list.isDenied(Samples.digest(7), of: Samples.model))
        #expect(try list.apply(verified(Samples.deny(subject, .lifted, counter: 2))) == .newer)
        #expect(!list.isDenied(subject))
        #expect(try list.apply(verified(Samples.deny(subject, counter: 1))) == .older)
        #expect(!list.isDenied(subject))
        #expect(try list.apply(verified(Samples.deny(subject, epoch: 2, counter: 1))) == .newer)
        #expect(list.isDenied(subject))
        #expect(list.records.count == 1)
    }

    @Test func ofTwoEqualRecords_deniedWins_whicheverComesFirst() throws {
        let denied = try verified(Samples.deny(subject, .denied, counter: 4))
        let lifted = try verified(Samples.deny(subject, .lifted, counter: 4))
        var list = DenyList()
        #expect(list.apply(lifted) == .newer)
        #expect(list.apply(denied) == .conflictWon)
        #expect(list.isDenied(subject))
        #expect(list.apply(lifted) == .conflictLost)
        #expect(list.isDenied(subject))
    }

    @Test func ofTwoEqualRecordsOfOneState_theLowerDigestWins() throws {
        let first = try verified(Samples.deny(subject, counter: 4))
        let second = try verified(Samples.deny(subject, counter: 4, issued: Samples.later))
        for order in [[first, second], [second, first]] {
            var list = DenyList()
            for record in order { _ = list.apply(record) }
            #expect(list.record(of: subject)?.digest == min(first.digest, second.digest))
        }
    }

    @Test func theSameRecordAgain_mergesItsSignatures() throws {
        let record = try Samples.deny(subject)
        var list = DenyList()
        _ = list.apply(try verified(record, by: [keys[0]]))
        #expect(list.apply(try verified(record, by: [keys[1]])) == .same)
        #expect(list.record(of: subject)?.document.signatures.count == 2)
    }

    @Test func subjects_areKeptApart_andListedInOrder() throws {
        let other: ModelName = Samples.name("other")
        var list = DenyList()
        let subjects: [DenySubject] = [.channel(Samples.stable), .node(Samples.node), subject]
        for subject in subjects { _ = list.apply(try verified(Samples.deny(subject))) }
        #expect(list.records.map(\.value.subject) == subjects.sorted())
        #expect(list.isDenied(Samples.node))
        #expect(list.isDenied(Samples.stable))
        #expect(!list.isDenied(Samples.digest(7), of: other))
        #expect(!list.isDenied(ModelChannel(model: other, channel: .stable)))
    }
}
