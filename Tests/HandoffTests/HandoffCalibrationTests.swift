import EventLoop
import Handoff
import Testing
import Units

/// A calibration is asked for, and what comes of it is told.
@Suite struct HandoffCalibrationTests {
    private let calibration = HandoffCalibration(
        digest: two, inputs: "/v/in", outputs: "/o/7/out", beside: one, deadline: .seconds(7))

    @LoopActor private func asked(_ house: House) async throws -> (Process, HandoffInstance) {
        let (process, instance) = try await house.attached()
        house.server.calibrate(instance, calibration)
        let asked = #"{"beside":"\#(one)","deadline_ms":7000,"digest":"\#(two)","id":1,"inputs":"/v/in","#
        #expect(try await process.lines.next() == asked + #""outputs":"/o/7/out","type":"calibrate"}"#)
        return (process, instance)
    }

    @Test @LoopActor func whatTheProcessMeasuredIsTold() async throws {
        let house = try House()
        let (process, instance) = try await asked(house)
        let reply = #"{"type":"reply","re":1,"ok":true,"samples":64,"latency_ms":{"p50":1,"p99":2.5},"#
        process.send(reply + #""beside_latency_ms":{"p99":2},"memory_bytes":1000}"#)
        guard case .calibrated(instance, two, let report) = try await house.events.next() else {
            throw Unexpected(what: "no calibrated")
        }
        #expect((report.sampleCount, report.latency, report.besideLatency, report.memory) == (64, 2.5, 2, 1_000))
    }

    @Test(arguments: [
        #""ok":true}"#, #""ok":true,"samples":3}"#, #""ok":true,"latency_ms":{"p99":1}}"#,
        #""ok":false,"error":{"code":"calibration_failed","message":"it does not run"}}"#,
    ])
    @LoopActor func anythingElseIsAFailure(reply: String) async throws {
        let house = try House()
        let (process, instance) = try await asked(house)
        process.send(#"{"type":"reply","re":1,"# + reply)
        guard case .calibrationFailed(instance, two, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no calibrationFailed")
        }
        #expect(!failure.isRetryable)
    }

    @Test @LoopActor func whatTheProcessCallsRetryableIs() async throws {
        let house = try House()
        let (process, _) = try await asked(house)
        process.send(#"{"type":"reply","re":1,"ok":false,"error":{"code":"internal","retryable":true}}"#)
        guard case .calibrationFailed(_, _, let failure) = try await house.events.next() else {
            throw Unexpected(what: "no calibrationFailed")
        }
        #expect(failure.isRetryable)
    }

    @Test @LoopActor func whoeverSaysGoodbyeGoesInOrder() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        process.send(#"{"type":"goodbye"}"#)
        guard case .detached(instance, let inOrder, _) = try await house.events.next() else {
            throw Unexpected(what: "no detached")
        }
        #expect(inOrder)
    }

    @Test @LoopActor func whoeverClosesWithoutAWordDoesNot() async throws {
        let house = try House()
        let (process, instance) = try await house.attached()
        process.close()
        guard case .detached(instance, let inOrder, _) = try await house.events.next() else {
            throw Unexpected(what: "no detached")
        }
        #expect(!inOrder)
    }
}
