import EventLoop
import Glibc
import Handoff
import Testing
import Units

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/shoal-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else { return nil as String? }
            return unsafe String(cString: made)
        }
        path = try #require(made)
    }

    deinit {
        _ = unsafe unlink("\(path)/handoff.sock")
        _ = unsafe rmdir(path)
    }
}

/// What callbacks give, for a test that waits for it with a deadline.
@LoopActor final class Inbox<Value: Sendable> {
    private(set) var waiting: [Value] = []
    private var waiter: CheckedContinuation<Value?, Never>?
    private var timer: LoopTimer?

    func add(_ value: Value) {
        guard let waiter else { return waiting.append(value) }
        self.waiter = nil
        timer?.close()
        waiter.resume(returning: value)
    }

    /// The oldest value; throws when none comes in time.
    func next(within: Duration = .seconds(10)) async throws -> Value {
        if !waiting.isEmpty { return waiting.removeFirst() }
        let value: Value? = await withCheckedContinuation { continuation in
            waiter = continuation
            let timer = LoopTimer {
                self.waiter?.resume(returning: nil)
                self.waiter = nil
            }
            timer.start(after: within)
            self.timer = timer
        }
        return try #require(value, "nothing came within \(within)")
    }
}

/// A server in a folder of its own, and what it tells.
@LoopActor final class House {
    let folder: TemporaryFolder
    let events = Inbox<HandoffEvent>()
    let server: HandoffServer

    var path: String { "\(folder.path)/handoff.sock" }

    init(allow: [HandoffRule]? = nil, settings: HandoffSettings = .init()) throws {
        let folder = try TemporaryFolder()
        self.folder = folder
        let events = self.events
        server = try HandoffServer(
            path: "\(folder.path)/handoff.sock", allow: allow ?? HandoffRule.defaults(agentUserID: getuid()),
            settings: settings, onEvent: { events.add($0) })
    }

    func connect() async throws -> Process { try await Process(path) }

    /// A process that was welcomed.
    func attached(_ fields: String = "") async throws -> (Process, HandoffInstance) {
        let process = try await connect()
        process.send(hello(fields))
        #expect(try await process.lines.next().contains(#""type":"welcome""#))
        guard case .attached(let instance, _) = try await events.next() else {
            throw Unexpected(what: "another event than attached")
        }
        return (process, instance)
    }
}

/// An inference process, as far as the socket goes.
@LoopActor final class Process {
    let lines = Inbox<String>()
    private let channel: LineChannel

    init(_ path: String) async throws {
        let stream = try await ByteStream.connect(unixPath: path, within: .seconds(5))
        channel = LineChannel(stream, lineByteCountMax: 1 << 20, queuedByteCountMax: 64 << 20)
        let lines = self.lines
        channel.start(
            onLine: { lines.add(String(decoding: $0, as: UTF8.self)) }, onEnd: { _ in lines.add("end") })
    }

    func send(_ line: String) { channel.send(Array(line.utf8)) }
    func send(raw bytes: [UInt8]) { channel.stream.write(bytes) }
    func close() { channel.close() }
    func stopReading() { channel.stream.pauseReading() }
}

struct Unexpected: Error {
    let what: String
}

let one = Digest(exactly: Array(repeating: 0x11, count: 32))
let two = Digest(exactly: Array(repeating: 0x22, count: 32))

func hello(_ fields: String = "") -> String {
    #"{"type":"hello","protocol":[1],"model":"acme/words","capabilities":["dual_load"]"# + fields + "}"
}

func errorLine(_ code: String) -> String { #"{"error":{"code":""# + code + #"","# }
