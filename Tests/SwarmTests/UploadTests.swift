import Swarm
import Testing
import Units
import Wire

/// Whom to serve, and when.
@Suite struct UploadTests {
    private typealias Core = CoreUnderTest

    private func source(_ neighbours: UInt8, count: Int = 300) -> CoreUnderTest {
        var core = Core()
        core.feed(.versionAdded(Core.plan(count, held: Core.all(count).filter { $0.value != 299 })))
        for number in 1...neighbours { core.connect(number) }
        for number in 1...neighbours { core.holdings(from: number, count: count, flags: .wants) }
        return core
    }

    private func id(_ number: UInt8, _ request: RequestID) -> UploadID {
        UploadID(neighbour: Core.node(number), request: request)
    }

    @Test func aRequest_isServedAtOnce_andReported() {
        var core = source(1)
        let effects = core.ask(1, 4, from: 1)
        #expect(effects == [.startUpload(id(1, 1), version: Core.version, chunk: 4)])
        core.feed(.uploadProgressed(id(1, 1), byteCount: 100))
        core.feed(.uploadFinished(id(1, 1)))
        #expect(core.swarm.versionReport(Core.version, now: core.now)?.sentByteCount == Int64(Core.chunkByteCount))
        #expect(core.swarm.neighbourReports(now: core.now)[0].sentByteCount == Int64(Core.chunkByteCount))
    }

    @Test func fewUploadsRunAtOnce_twoForOneNeighbour() {
        var core = source(5)
        for request in 1...3 { core.ask(RequestID(UInt32(request)), 4, from: 1) }
        #expect(core.swarm.neighbourReports(now: core.now)[0].queuedUploadCount == 3)
        #expect(core.effects.uploads.isEmpty)
        var started = 2
        for number in 2...5 {
            for request in 1...2 {
                started += core.ask(RequestID(UInt32(request)), 5, from: UInt8(number)).uploads.count
            }
        }
        #expect(started == Limits.uploadCountDefault)
        #expect(core.feed(.uploadFinished(id(1, 1))).uploads.count == 1)
    }

    @Test func whoeverHasTheFewestChunks_isServedFirst() {
        var limits = SwarmLimits()
        limits.uploadCount = 1
        var core = Core(limits: limits)
        core.feed(.versionAdded(Core.plan(10, held: Core.all(10))))
        for number in 1...3 { core.connect(UInt8(number)) }
        core.holdings(from: 1, count: 10, held: [0, 1, 2], flags: .wants)
        core.holdings(from: 2, count: 10, held: [0, 1], flags: .wants)
        core.holdings(from: 3, count: 10, held: [0], flags: .wants)
        core.ask(1, 9, from: 1)
        core.ask(1, 9, from: 2)
        core.ask(1, 9, from: 3)
        #expect(core.feed(.uploadFinished(id(1, 1))).uploads == [id(3, 1)])
        #expect(core.feed(.uploadFinished(id(3, 1))).uploads == [id(2, 1)])
    }

    @Test func whatIsNotHeld_isRefused() {
        var core = source(1)
        #expect(core.ask(1, 299, from: 1).sent == [.refuse(Refuse(request: 1, reason: .notHeld))])
    }

    @Test func aChunkBeyondTheVersion_orAVersionThatWasNotOpened_isAnError() {
        var core = source(2)
        #expect(core.ask(1, 300, from: 1).disconnects == [.malformed])
        #expect(core.ask(1, 0, from: 2, version: Core.strange).disconnects == [.unknownVersion])
    }

    @Test func aRequestNumberTwice_isAnError() {
        var core = source(1)
        core.ask(1, 0, from: 1)
        #expect(core.ask(1, 1, from: 1).disconnects == [.malformed])
    }

    @Test func theQueueIsFull_moreIsRefusedAsBusy() {
        var core = source(1)
        for number in 0..<UInt32(Limits.openRequestCountMax + 2) { core.ask(RequestID(number + 1), 0, from: 1) }
        #expect(core.effects.sent.isEmpty)
        let refusal = Refuse(request: 999, reason: .busy, retryMilliseconds: 500)
        #expect(core.ask(999, 0, from: 1).sent == [.refuse(refusal)])
    }

    @Test func aCancel_stopsTheUpload_orEmptiesTheQueue() {
        var core = source(1)
        for request in 1...3 { core.ask(RequestID(UInt32(request)), 0, from: 1) }
        core.receive(.cancel(3), from: 1)
        let effects = core.receive(.cancel(1), from: 1)
        #expect(effects == [.stopUpload(id(1, 1))])
        #expect(core.feed(.uploadFinished(id(1, 1))).isEmpty)
        #expect(core.receive(.cancel(77), from: 1).isEmpty)
    }

    @Test func aChunkThatCannotBeRead_isRefused_andChecked() {
        var core = source(1)
        core.ask(1, 0, from: 1)
        let effects = core.feed(.uploadFailed(id(1, 1)))
        #expect(effects.sent == [.refuse(Refuse(request: 1, reason: .cannotRead))])
        #expect(effects.contains(.recheck(Core.version, 0)))
    }

    @Test func slowReceivers_doNotKeepOthersWaiting() {
        var core = source(8)
        for number in 1...8 { core.ask(1, 0, from: UInt8(number)) }
        #expect(core.pass(.milliseconds(240)).uploads.isEmpty)
        // Those that began are late by now, and as many others take their place.
        #expect(core.pass(.milliseconds(20)).uploads.count == Limits.uploadCountDefault)
    }

    // MARK: A copy that is said to be bad

    @Test func aNeighbourSaysBad_theCopyIsCheckedOnce_andWithdrawnIfItIsDamaged() {
        var core = source(2)
        let bad = Message.bad(ChunkReference(version: Core.version, chunk: 3))
        #expect(core.receive(bad, from: 1) == [.recheck(Core.version, 3)])
        #expect(core.receive(bad, from: 2).isEmpty)
        let effects = core.feed(.chunkRechecked(Core.version, 3, .damaged))
        #expect(effects.sent(to: 2) == [.withdraw(ChunkList(version: Core.version, chunks: [3]))])
        #expect(core.ask(1, 3, from: 1).sent == [.refuse(Refuse(request: 1, reason: .notHeld))])
    }

    @Test func theCopyIsIntact_nothingFollows() {
        var core = source(1)
        core.receive(.bad(ChunkReference(version: Core.version, chunk: 3)), from: 1)
        #expect(core.feed(.chunkRechecked(Core.version, 3, .intact)).isEmpty)
    }

    @Test func aNeighbourThatSaysBadAllTheTime_isNotListenedTo() {
        var core = source(1)
        var recheckCount = 0
        for chunk in 0..<UInt32(100) {
            let bad = Message.bad(ChunkReference(version: Core.version, chunk: ChunkIndex(chunk)))
            recheckCount += core.receive(bad, from: 1).count
        }
        #expect(recheckCount == Limits.recheckCountPerMinuteMax)
    }
}
