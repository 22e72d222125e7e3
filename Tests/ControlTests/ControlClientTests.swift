import Control
import EventLoop
import Testing
import Units

@Suite @LoopActor struct ControlClientTests {
    private let bench: Bench

    init() throws { bench = try Bench() }

    @Test func whereNobodyListensTheErrorSaysHowToStartAnAgent() async throws {
        let error = try #require(
            await fault { () throws(ControlError) in
                try await ControlClient.connect(path: "/tmp/shoal-no-such-folder/control.sock")
            })
        #expect(error.exit == .noAgent && error.hint.contains("shoal agent"))
        let path = bench.path
        let other = await fault { () throws(ControlError) in try await ControlClient.connect(path: path) }
        #expect(other?.exit == .noAgent)
    }

    @Test func aPathThatIsTooLongForASocketIsAnErrorAndNoTrap() async throws {
        let path = "/" + String(repeating: "x", count: 300)
        let error = await fault { () throws(ControlError) in try await ControlClient.connect(path: path) }
        #expect(error?.exit == .noAgent)
    }

    @Test func anAgentThatEndsInTheMiddleOfARequestIsNoAgent() async throws {
        try bench.listen()
        let client = try await bench.client()
        let server = bench.server
        let error = await fault { () throws(ControlError) in
            try await client.call(Hold(name: "open")) { _ in server.close() }
        }
        #expect(error?.exit == .noAgent)
        let next = await fault { () throws(ControlError) in try await client.call(Echo(text: "x")) }
        #expect(next?.exit == .noAgent)
    }

    @Test func anAgentThatSaysNothingIsStuckAndTheCommandDoesNotHang() async throws {
        try bench.listen()
        let client = try await bench.client()
        let error = await fault { () throws(ControlError) in
            try await client.call(Hold(name: "open"), silenceMax: .milliseconds(200))
        }
        #expect(error?.exit == .noAgent && error?.message.contains("nothing") == true)
        let next = await fault { () throws(ControlError) in try await client.call(Echo(text: "x")) }
        #expect(next?.exit == .noAgent)
    }

    @Test func aClosedConnectionAnswersNothing() async throws {
        try bench.listen()
        let client = try await bench.client()
        client.close()
        client.close()
        let error = await fault { () throws(ControlError) in try await client.call(Echo(text: "x")) }
        #expect(error?.exit == .failed)
    }

    @Test(arguments: ["nonsense", #"{"error":{}}"#, #"{"id":1,"result":{"words":1}}"#])
    func anAnswerThatCannotBeReadIsAnError(_ line: String) async throws {
        let listener = try StreamListener.unix(path: bench.path, mode: 0o600) { stream in
            let channel = LineChannel(stream, lineByteCountMax: 1 << 16, queuedByteCountMax: 1 << 16)
            channel.start(onLine: { _ in channel.send(Array(line.utf8)) }, onEnd: { _ in })
        }
        defer { listener.close() }
        let client = try await bench.client()
        let error = await fault { () throws(ControlError) in try await client.call(Echo(text: "x")) }
        #expect(error != nil && error?.exit != .noAgent)
    }

    @Test func anAnswerToAnotherQuestionIsPassedOver() async throws {
        let listener = try StreamListener.unix(path: bench.path, mode: 0o600) { stream in
            let channel = LineChannel(stream, lineByteCountMax: 1 << 16, queuedByteCountMax: 1 << 16)
            channel.start(
                onLine: { _ in
                    channel.send(Array(#"{"id":44,"result":{"text":"not yours"}}"#.utf8))
                    channel.send(Array(#"{"id":1,"result":{"text":"yours"}}"#.utf8))
                }, onEnd: { _ in })
        }
        defer { listener.close() }
        let client = try await bench.client()
        #expect(try await client.call(Echo(text: "x")).text == "yours")
    }
}
