import EventLoop
import Glibc
import Testing
import Units

enum Thread {
    static var current: UInt { UInt(pthread_self()) }
}

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/shoal-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let path = unsafe mkdtemp(start) else { return nil }
            return unsafe String(cString: path)
        }
        path = try #require(made)
    }

    deinit {
        for name in ["socket", "file"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }
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

    /// Throws when nothing comes within the time.
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

func loopback(_ port: UInt16 = 0) throws -> Endpoint {
    try #require(Endpoint(parsing: "127.0.0.1", defaultPort: port))
}

extension LoopError? {
    var words: String { map { "\($0)" } ?? "end" }
}

/// Both ends of a TCP connection on this host.
@LoopActor struct Pair {
    let listener: StreamListener
    let client: ByteStream
    let server: ByteStream

    static func connected() async throws -> Pair {
        let accepted = Promise<ByteStream>()
        let listener = try StreamListener.tcp(loopback()) { accepted.fulfil($0) }
        let client = try await ByteStream.connect(to: #require(listener.local), within: .seconds(5))
        return Pair(listener: listener, client: client, server: try await accepted.get())
    }

    func close() {
        listener.close()
        client.close()
        server.close()
    }
}

extension [UInt8] {
    mutating func append(_ span: borrowing RawSpan) {
        unsafe span.withUnsafeBytes { buffer in unsafe append(contentsOf: buffer) }
    }
}

/// Bytes of which no two places at a power of two apart are alike.
func pattern(_ byteCount: Int) -> [UInt8] {
    var bytes = (0..<4_099).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    while bytes.count < byteCount { bytes += bytes }
    return Array(bytes.prefix(byteCount))
}
