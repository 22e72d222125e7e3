import EventLoop
import FoundationEssentials
import Glibc
import Testing
import Units

@testable import Control

/// Says what it was told.
struct Echo: ControlMethod {
    struct Reply: Codable, Sendable, Equatable { let text: String }
    static let method = "echo"
    let text: String
}

/// Is answered once the test says so, or its asker goes.
struct Hold: ControlMethod {
    typealias Reply = Done
    static let method = "hold"
    let name: String
}

/// Is known to no server here.
struct Unheard: ControlMethod {
    typealias Reply = Done
    static let method = "unheard"
}

/// Something that a callback gives and a test waits for, with a deadline.
@LoopActor final class Promise<Value: Sendable> {
    private var value: Value?
    private var waiter: CheckedContinuation<Value?, Never>?
    private var timer: LoopTimer?

    func fulfil(_ value: Value) {
        guard self.value == nil else { return }
        self.value = value
        timer?.close()
        waiter?.resume(returning: value)
        waiter = nil
    }

    @discardableResult func get(within: Duration = .seconds(10)) async throws -> Value {
        if let value { return value }
        let result: Value? = await withCheckedContinuation { continuation in
            waiter = continuation
            let timer = LoopTimer {
                self.waiter?.resume(returning: nil)
                self.waiter = nil
            }
            timer.start(after: within)
            self.timer = timer
        }
        return try #require(result, "nothing came within \(within)")
    }
}

/// A server with two methods on a socket of its own.
@LoopActor final class Bench {
    let server = ControlServer()
    let path: String
    private let folder: String
    private var held: [String: Promise<Bool>] = [:]
    /// Names of the `Hold` requests that ended, and whether their task had been cancelled.
    private(set) var ended: [String: Bool] = [:]
    private let onEnded = Promise<String>()

    init() throws {
        var template = Array("/tmp/shoal-control-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let path = unsafe mkdtemp(start) else { return nil }
            return unsafe String(cString: path)
        }
        folder = try #require(made)
        path = "\(folder)/socket"
        server.answer(Echo.self) { (request, progress) throws(ControlError) in
            guard request.text != "fail" else {
                throw ControlError(.notFound, "there is nothing here", hint: "Look elsewhere.")
            }
            for part in 1...3 { progress(ControlProgress(stage: "echoing", done: Int64(part), total: 3)) }
            return Echo.Reply(text: request.text)
        }
        server.answer(Hold.self) { [weak self] (request, progress) throws(ControlError) in
            progress(ControlProgress(stage: "holding", done: 0, total: 0))
            await self?.hold(request.name)
            return Done()
        }
    }

    isolated deinit {
        server.close()
        unsafe unlink(path)
        unsafe rmdir(folder)
    }

    func listen() throws { try server.listen(path: path, mode: 0o600) }

    func client() async throws -> ControlClient { try await ControlClient.connect(path: path) }

    func release(_ name: String) { gate(name).fulfil(true) }

    /// The first `Hold` that ended.
    func firstEnded() async throws -> String { try await onEnded.get() }

    private func gate(_ name: String) -> Promise<Bool> {
        let gate = held[name] ?? Promise<Bool>()
        held[name] = gate
        return gate
    }

    private func hold(_ name: String) async {
        await withTaskCancellationHandler {
            _ = try? await gate(name).get()
        } onCancel: {
            Task { @LoopActor in self.gate(name).fulfil(false) }
        }
        ended[name] = Task.isCancelled
        onEnded.fulfil(name)
    }
}

/// A connection whose bytes the test writes itself.
@LoopActor final class RawConnection {
    private let channel: LineChannel
    private(set) var lines: [Answer] = []
    private var wanted: (count: Int, promise: Promise<Bool>)?
    private let ended = Promise<Bool>()

    /// What every answer may hold.
    struct Answer: Decodable {
        struct Result: Decodable { let text: String? }
        let id: UInt32
        let error: ControlError?
        let result: Result?
        let progress: ControlProgress?
    }

    init(_ path: String) async throws {
        let stream = try await ByteStream.connect(unixPath: path, within: .seconds(5))
        channel = LineChannel(stream, lineByteCountMax: 1 << 20, queuedByteCountMax: 64 << 20)
        channel.start(onLine: { [weak self] in self?.take($0) }, onEnd: { [weak self] _ in self?.ended.fulfil(true) })
    }

    func send(_ text: String) { channel.send(Array(text.utf8)) }

    /// Without a newline at the end.
    func send(raw bytes: [UInt8]) { channel.stream.write(bytes) }

    func close() { channel.close() }

    func waitForEnd() async throws { try await ended.get() }

    func answers(_ count: Int) async throws -> [Answer] {
        let promise = Promise<Bool>()
        wanted = (count, promise)
        if lines.count >= count { promise.fulfil(true) }
        try await promise.get()
        return lines
    }

    private func take(_ line: [UInt8]) {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(line)), answer.progress == nil else {
            return
        }
        lines.append(answer)
        if let wanted, lines.count >= wanted.count { wanted.promise.fulfil(true) }
    }
}

/// What a call throws; nil if it does not.
@LoopActor func fault<T>(of work: @LoopActor () async throws(ControlError) -> T) async -> ControlError? {
    do throws(ControlError) {
        _ = try await work()
        return nil
    } catch {
        return error
    }
}
