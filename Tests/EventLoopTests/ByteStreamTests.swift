import EventLoop
import Glibc
import Testing
import Units

@Suite struct ByteStreamTests {
    @Test @LoopActor func largeDataComesBackFromAnEchoUnchanged() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let echo = pair.server
        echo.startReading(
            onBytes: { [weak echo] bytes in
                var copy: [UInt8] = []
                copy.append(bytes)
                echo?.write(copy)
            },
            onEnd: { [weak echo] _ in echo?.shutdownThenClose() })
        let sent = pattern((12 << 20) + 13)
        let received = Received()
        pair.client.startReading(
            onBytes: { received.append($0) }, onEnd: { received.end.fulfil($0.words) })
        pair.client.write(sent)
        pair.client.write([])
        received.whenCount(sent.count) { pair.client.shutdownThenClose() }
        try await received.complete.get()
        #expect(received.bytes == sent)
    }

    @Test @LoopActor func writesAreReportedInOrderAndNeverInsideTheCall() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        pair.server.startReading(onBytes: { _ in }, onEnd: { _ in })
        let log = Log()
        let done = Promise<Bool>()
        let big = [UInt8](repeating: 7, count: 16 << 20)
        pair.client.write([1]) { log.add("1 \($0.words)") }
        pair.client.write(big) { log.add("2 \($0.words)") }
        pair.client.write([2]) { log.add("3 \($0.words)") }
        pair.client.write([]) {
            log.add("4 \($0.words)")
            done.fulfil(true)
        }
        #expect(log.lines.isEmpty)
        #expect(pair.client.queuedByteCount > 0)
        _ = try await done.get()
        #expect(log.lines == ["1 end", "2 end", "3 end", "4 end"])
        #expect(pair.client.queuedByteCount == 0)
    }

    @Test @LoopActor func aReaderThatPausesMakesTheWriterQueueAndOneThatResumesDrainsIt() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let received = Received()
        pair.server.startReading(onBytes: { received.append($0) }, onEnd: { _ in })
        pair.server.pauseReading()
        let count = 32 << 20
        let flushed = Promise<String>()
        pair.client.write([UInt8](repeating: 3, count: count)) { flushed.fulfil($0.words) }
        // The kernel's buffers are far below 32 MiB, so most of it waits here.
        #expect(pair.client.queuedByteCount > 8 << 20)
        try await LoopTimer.wait(.milliseconds(20))
        #expect(received.bytes.isEmpty)
        #expect(pair.client.queuedByteCount > 8 << 20)
        received.whenCount(count) {}
        pair.server.resumeReading()
        try await received.complete.get()
        #expect(try await flushed.get() == "end")
        #expect(pair.client.queuedByteCount == 0)
    }

    @Test @LoopActor func endsKnowTheirAddresses() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        #expect(pair.client.peer == pair.listener.local)
        #expect(pair.client.local == pair.server.peer)
        #expect(pair.client.peerCredentials == nil)
    }

    @Test @LoopActor func connectingWhereNobodyListensIsRefused() async throws {
        let listener = try StreamListener.tcp(loopback()) { _ in }
        let endpoint = try #require(listener.local)
        listener.close()
        let error = await #expect(throws: LoopError.self) {
            try await ByteStream.connect(to: endpoint, within: .seconds(5))
        }
        #expect(error?.code == .refused)
        #expect(error?.description == "connect \(endpoint): connection refused (errno 111)")
    }

    @Test @LoopActor func connectingToAFullBacklogTimesOut() async throws {
        // A listener of the plain kind whose backlog of nothing is full after a connection or two.
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { Glibc.close(listener) }
        #expect(listen(listener, 0) == 0)
        var address = sockaddr_in()
        var byteCount = socklen_t(MemoryLayout<sockaddr_in>.size)
        let named = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe getsockname(listener, $0, &byteCount)
            }
        }
        #expect(named == 0)
        let endpoint = try loopback(UInt16(bigEndian: address.sin_port))
        var streams: [ByteStream] = []
        var code: LoopError.Code?
        for _ in 0..<8 where code == nil {
            do throws(LoopError) {
                streams.append(try await ByteStream.connect(to: endpoint, within: .milliseconds(100)))
            } catch { code = error.code }
        }
        #expect(code == .timedOut)
    }

    @Test @LoopActor func anAbruptCloseIsReportedAsReset() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let ended = Promise<LoopError.Code?>()
        pair.client.startReading(onBytes: { _ in }, onEnd: { ended.fulfil($0?.code) })
        // Loopback has delivered the bytes when the write is reported; the server closes with them unread, so the
        // kernel resets.
        pair.client.write([1, 2, 3]) { _ in pair.server.close() }
        #expect(try await ended.get() == .reset)
    }

    @Test @LoopActor func afterCloseNoCallbackFires() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let log = Log()
        pair.client.startReading(onBytes: { _ in log.add("bytes") }, onEnd: { _ in log.add("end") })
        pair.client.write([UInt8](repeating: 0, count: 16 << 20)) { _ in log.add("written") }
        pair.server.write([1, 2, 3])
        pair.client.close()
        pair.client.close()
        try await LoopTimer.wait(.milliseconds(20))
        #expect(log.lines.isEmpty)
        #expect(pair.client.isClosed)
    }

    @Test @LoopActor func aShutDownDeliversWhatWasQueued() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let received = Received()
        let count = 8 << 20
        // The server has bytes that it never reads: a plain close would reset the connection and lose the queue.
        pair.client.write([9, 9, 9])
        pair.server.write([UInt8](repeating: 5, count: count))
        pair.server.shutdownThenClose()
        pair.server.shutdownThenClose()
        pair.client.startReading(
            onBytes: { received.append($0) }, onEnd: { received.end.fulfil($0.words) })
        #expect(try await received.end.get() == "end")
        #expect(received.bytes.count == count)
    }

    @Test @LoopActor func aShutDownThatThePeerDoesNotLetFinishEndsWithAReset() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        pair.server.write([UInt8](repeating: 5, count: 32 << 20))
        pair.server.shutdownThenClose()
        #expect(!pair.server.isClosed)
        let ended = Promise<String>()
        let reader = LoopTimer {
            pair.client.startReading(onBytes: { _ in }, onEnd: { ended.fulfil($0.words) })
        }
        reader.start(after: .milliseconds(Limits.shutdownMillisecondsMax + 50))
        let end = try await ended.get()
        #expect(end.contains("reset"))
        #expect(pair.server.isClosed)
    }

    @Test @LoopActor func aStreamThatIsReleasedIsClosed() async throws {
        let accepted = Promise<Bool>()
        let listener = try StreamListener.tcp(loopback()) { _ in accepted.fulfil(true) }  // does not keep it
        defer { listener.close() }
        let client = try await ByteStream.connect(to: #require(listener.local), within: .seconds(5))
        defer { client.close() }
        let ended = Promise<String>()
        client.startReading(onBytes: { _ in }, onEnd: { ended.fulfil($0.words) })
        #expect(try await ended.get() == "end")
    }

    @Test @LoopActor func aReadThatStartsAgainGoesOnWithTheNewCallbacks() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        let first = Promise<Int>()
        let second = Promise<Int>()
        pair.client.startReading(onBytes: { first.fulfil($0.byteCount) }, onEnd: { _ in })
        pair.server.write([1])
        #expect(try await first.get() == 1)
        pair.client.startReading(onBytes: { second.fulfil($0.byteCount) }, onEnd: { _ in })
        pair.server.write([1, 2])
        #expect(try await second.get() == 2)
    }

    @Test @LoopActor func congestionControlIsChosenByName() async throws {
        let pair = try await Pair.connected()
        defer { pair.close() }
        #expect(throws: LoopError.self) { try pair.client.setCongestionControl("no-such-thing") }
        try pair.client.setCongestionControl("reno")
    }
}

/// What a reader got.
@LoopActor final class Received {
    var bytes: [UInt8] = []
    let end = Promise<String>()
    let complete = Promise<Bool>()
    private var target = Int.max
    private var then: () -> Void = {}

    func append(_ span: borrowing RawSpan) {
        bytes.append(span)
        test()
    }

    func whenCount(_ count: Int, _ then: @escaping () -> Void) {
        target = count
        self.then = then
        test()
    }

    private func test() {
        guard bytes.count >= target else { return }
        target = .max
        then()
        complete.fulfil(true)
    }
}

/// Lines that callbacks left.
@LoopActor final class Log {
    var lines: [String] = []
    func add(_ line: String) { lines.append(line) }
}

extension LoopTimer {
    /// For tests in which nothing must happen for a while.
    static func wait(_ duration: Duration) async throws {
        let promise = Promise<Bool>()
        let timer = LoopTimer { promise.fulfil(true) }
        timer.start(after: duration)
        _ = try await promise.get()
    }
}
