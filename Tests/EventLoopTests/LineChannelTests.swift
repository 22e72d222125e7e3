import EventLoop
import Testing
import Units

@Suite struct LineChannelTests {
    @Test @LoopActor func linesArriveWholeHoweverTheyAreCut() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let (log, ended) = listen(on: pair.server)
        for byte in "first\n\nthird".utf8 {
            pair.client.write([byte])
            await Task.yield()
        }
        pair.client.write(Array(" goes on\nfourth\nnot finished".utf8))
        pair.client.shutdownThenClose()
        #expect(try await ended.get() == "closed")
        #expect(log.lines == ["first", "", "third goes on", "fourth"])
    }

    @Test @LoopActor func aLineOfTheGreatestLengthPassesAndALongerOneEndsTheConnection() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let (log, ended) = listen(on: pair.server)
        let client = Received()
        pair.client.startReading(onBytes: { client.append($0) }, onEnd: { client.end.fulfil($0.words) })
        let longest = String(repeating: "x", count: 64)
        pair.client.write(Array("\(longest)\n\(longest)y\nafter\n".utf8))
        #expect(try await ended.get() == "lineTooLong")
        #expect(log.lines == [longest])
        pair.client.shutdownThenClose()
    }

    @Test @LoopActor func aLineWithoutEndIsRefusedBeforeItsNewlineComes() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let (_, ended) = listen(on: pair.server)
        pair.client.write([UInt8](repeating: 0x20, count: 65))
        #expect(try await ended.get() == "lineTooLong")
    }

    @Test @LoopActor func whatIsSentWhenALineWasTooLongStillArrives() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let server = LineChannel(pair.server, lineByteCountMax: 4, queuedByteCountMax: 1 << 20)
        server.start(onLine: { _ in }, onEnd: { _ in server.send(Array("too long".utf8)) })
        let (log, ended) = listen(on: pair.client)
        pair.client.write([UInt8](repeating: 0x20, count: 100_000))
        #expect(try await ended.get() == "closed")
        #expect(log.lines == ["too long"])
    }

    @Test @LoopActor func aPeerThatDoesNotReadEndsWithBacklog() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let server = LineChannel(pair.server, lineByteCountMax: 4, queuedByteCountMax: 1 << 20)
        let ended = Promise<String>()
        server.start(onLine: { _ in }, onEnd: { ended.fulfil("\($0)") })
        for _ in 0..<64 { server.send([UInt8](repeating: 0x20, count: 1 << 20)) }
        #expect(pair.server.isClosed)
        #expect(try await ended.get() == "backlog")
    }

    @Test @LoopActor func closingInTheMiddleOfABatchStopsIt() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let log = Log()
        let first = Promise<Bool>()
        let server = LineChannel(pair.server, lineByteCountMax: 64, queuedByteCountMax: 1 << 20)
        server.start(
            onLine: { line in
                log.add(String(decoding: line, as: UTF8.self))
                server.close()
                first.fulfil(true)
            },
            onEnd: { log.add("\($0)") })
        pair.client.write(Array("one\ntwo\nthree\n".utf8))
        _ = try await first.get()
        try await LoopTimer.wait(.milliseconds(5))
        #expect(log.lines == ["one"])
    }

    @LoopActor private func listen(on stream: ByteStream) -> (Log, Promise<String>) {
        let log = Log()
        let ended = Promise<String>()
        let channel = LineChannel(stream, lineByteCountMax: 64, queuedByteCountMax: 1 << 20)
        channel.start(
            onLine: { log.add(String(decoding: $0, as: UTF8.self)) }, onEnd: { ended.fulfil("\($0)") })
        return (log, ended)
    }
}
