import EventLoop
import Foundation
import HTTPTesting
import Handoff
import Testing
import Units

/// `http` where the scenarios of all adapters do not look.
@Suite(.serialized) struct MessageAdapterTests {
    private struct Body: Decodable {
        let type: String
        let protocols: [Int]?
        let model: String?
        let path: String?
        let version: String?

        enum CodingKeys: String, CodingKey {
            case type, model, path, version
            case protocols = "protocol"
        }
    }

    @Test @LoopActor func theRequestsOfTheProtocolArePosted() async throws {
        let stage = try Stage()
        let server = try FakeMessageServer(stage)
        let http = try #require(server.server)
        try stage.open(.http(MessageServer(url: http.url + "/handoff/", headers: ["Authorization": "Bearer x"])))
        let (instance, hello) = try await stage.attached()
        #expect(hello.canCalibrate && hello.runtime == "fake/1")
        try await stage.serve(one, on: instance, insteadOf: nil)
        var bodies: [Body] = []
        for asked in http.asked {
            bodies.append(try JSONDecoder().decode(Body.self, from: Data(asked.body.utf8)))
            #expect(asked.headers.contains("Authorization: Bearer x"))
        }
        #expect(bodies.map(\.type).filter { $0 != "ping" } == ["hello", "load", "activate"])
        #expect(bodies.first?.protocols == [1] && bodies.first?.model == "acme/words")
        #expect(bodies.first { $0.type == "load" }?.path == stage.path(one))
        await stage.close()
        http.close()
    }

    @Test @LoopActor func aCalibrationIsAskedAndItsReplyTold() async throws {
        let stage = try Stage()
        let server = try FakeMessageServer(stage)
        try stage.open(server.kind)
        let (instance, _) = try await stage.attached()
        let calibration = HandoffCalibration(
            digest: one, inputs: "/in", outputs: "/out", beside: nil, deadline: .seconds(5))
        stage.router?.calibrate(instance, calibration)
        guard case .calibrated(instance, one, let report) = try await stage.step() else {
            throw Unexpected(what: "no calibrated")
        }
        #expect(report.sampleCount == 3 && report.latency == 2.5 && report.besideLatency == 2)
        await stage.close()
        server.die()
    }

    @Test(arguments: [
        (503, "", true), (409, "", true), (500, "", false), (404, "nonsense", false), (200, "nonsense", false),
        (200, #"{"ok":false,"error":{"code":"busy"}}"#, true),
        (500, #"{"ok":false,"error":{"code":"load_failed","message":"no","retryable":true}}"#, true),
    ])
    @LoopActor func whatALoadIsAnsweredSaysWhetherItIsTriedAgain(
        _ status: Int, _ body: String, _ isRetryable: Bool
    ) async throws {
        let stage = try Stage()
        let http = try FakeHTTPServer { asked in
            asked.body.contains(#""load""#) ? .answer(status, Array(body.utf8)) : .answer(200, Array("{}".utf8))
        }
        try stage.open(.http(MessageServer(url: http.url)))
        let (instance, hello) = try await stage.attached()
        #expect(hello.active == nil && !hello.canCalibrate)
        stage.load(one, on: instance)
        guard case .loadFailed(instance, one, let failure) = try await stage.step() else {
            throw Unexpected(what: "no loadFailed")
        }
        #expect(failure.isRetryable == isRetryable, "\(failure)")
        await stage.close()
        http.close()
    }

    @Test @LoopActor func countsOfRequestsAreReported() async throws {
        let stage = try Stage()
        let server = try FakeMessageServer(stage)
        try stage.open(server.kind)
        _ = try await stage.attached()
        guard case .reported(_, let report) = try await stage.events.next() else {
            throw Unexpected(what: "no report")
        }
        #expect(report.requestCount == 9 && report.errorCount == 0)
        await stage.close()
        server.die()
    }
}
