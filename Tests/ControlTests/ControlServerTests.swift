import Control
import EventLoop
import Testing
import Units

/// Client and server over a real socket.
@Suite @LoopActor struct ControlServerTests {
    private let bench: Bench

    init() throws {
        bench = try Bench()
        try bench.listen()
    }

    @Test func aRequestGetsItsReply() async throws {
        let client = try await bench.client()
        #expect(try await client.call(Echo(text: "søk")) == Echo.Reply(text: "søk"))
        #expect(try await client.call(Echo(text: "line\nbreak")) == Echo.Reply(text: "line\nbreak"))
    }

    @Test func anErrorArrivesAsItWasThrown() async throws {
        let client = try await bench.client()
        let error = await fault { () throws(ControlError) in try await client.call(Echo(text: "fail")) }
        #expect(error == ControlError(.notFound, "there is nothing here", hint: "Look elsewhere."))
        #expect(try await client.call(Echo(text: "still here")).text == "still here")
    }

    @Test func progressComesInOrderBeforeTheReply() async throws {
        let client = try await bench.client()
        var seen: [ControlProgress] = []
        let reply = try await client.call(Echo(text: "long")) { seen.append($0) }
        #expect(reply.text == "long")
        #expect(seen == (1...3).map { ControlProgress(stage: "echoing", done: $0, total: 3) })
    }

    @Test func anUnknownMethodIsRefusedByName() async throws {
        let client = try await bench.client()
        let error = try #require(await fault { () throws(ControlError) in try await client.call(Unheard()) })
        #expect(error.exit == .wrongUsage && error.message.contains("unheard"))
    }

    @Test func aLineThatIsNoRequestIsRefusedAndTheNextOneAnswered() async throws {
        let raw = try await RawConnection(bench.path)
        raw.send("hello")
        raw.send(#"{"id":7,"method":"echo","params":{"words":"x"}}"#)
        raw.send(#"{"id":8,"method":"echo","params":{"text":"x"},"later":true}"#)
        let answers = try await raw.answers(3)
        #expect(answers[0].id == 0 && answers[0].error?.exit == .wrongUsage)
        #expect(answers[1].id == 7 && answers[1].error?.message.contains("text") == true)
        #expect(answers[2].id == 8 && answers[2].result?.text == "x")
    }

    @Test func answersComeInTheOrderInWhichTheyAreReady() async throws {
        let raw = try await RawConnection(bench.path)
        raw.send(#"{"id":1,"method":"hold","params":{"name":"a"}}"#)
        raw.send(#"{"id":2,"method":"hold","params":{"name":"b"}}"#)
        bench.release("b")
        #expect(try await raw.answers(1).map(\.id) == [2])
        bench.release("a")
        #expect(try await raw.answers(2).map(\.id) == [2, 1])
    }

    @Test func oneRequestTooManyIsRefusedAndAnAnswerMakesRoom() async throws {
        let raw = try await RawConnection(bench.path)
        let last = Limits.controlRequestCountMax + 1
        for id in 1...last { raw.send(#"{"id":\#(id),"method":"hold","params":{"name":"\#(id)"}}"#) }
        let refused = try await raw.answers(1)
        #expect(refused[0].id == last && refused[0].error?.exit == .tryAgain)
        bench.release("1")
        #expect(try await raw.answers(2)[1].id == 1)
        raw.send(#"{"id":99,"method":"hold","params":{"name":"1"}}"#)
        let answer = try await raw.answers(3)[2]
        #expect(answer.id == 99 && answer.error == nil)
    }

    @Test func oneConnectionTooManyIsRefusedByName() async throws {
        var clients: [ControlClient] = []
        for _ in 0..<Limits.controlSessionCountMax {
            clients.append(try await bench.client())
            _ = try await clients[clients.count - 1].call(Echo(text: "here"))
        }
        let late = try await bench.client()
        let error = await fault { () throws(ControlError) in try await late.call(Echo(text: "x")) }
        #expect(error?.exit == .tryAgain)
        for client in clients { client.close() }
    }

    @Test func anOverLongLineIsRefusedByNameAndEndsTheConnection() async throws {
        let raw = try await RawConnection(bench.path)
        raw.send(raw: [UInt8](repeating: UInt8(ascii: " "), count: Limits.controlLineByteCountMax + 1))
        let answer = try await raw.answers(1)[0]
        #expect(answer.id == 0 && answer.error?.exit == .wrongUsage)
        #expect(answer.error?.message.contains("longer") == true)
        try await raw.waitForEnd()
    }

    @Test func anAskerThatGoesCancelsItsRequests() async throws {
        let raw = try await RawConnection(bench.path)
        raw.send(#"{"id":1,"method":"hold","params":{"name":"lost"}}"#)
        raw.send(#"{"id":2,"method":"echo","params":{"text":"here"}}"#)
        _ = try await raw.answers(1)
        raw.close()
        #expect(try await bench.firstEnded() == "lost")
        #expect(bench.ended["lost"] == true)
    }

    @Test func aServerThatClosesCancelsWhatIsOpen() async throws {
        let raw = try await RawConnection(bench.path)
        raw.send(#"{"id":1,"method":"hold","params":{"name":"open"}}"#)
        raw.send(#"{"id":2,"method":"echo","params":{"text":"here"}}"#)
        _ = try await raw.answers(1)
        bench.server.close()
        #expect(try await bench.firstEnded() == "open")
        try await raw.waitForEnd()
    }
}
