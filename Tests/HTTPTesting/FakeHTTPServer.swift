public import EventLoop
internal import Units

/// A request as it came in.
public struct Asked: Hashable, Sendable {
    /// In capitals.
    public let method: String
    /// With the query.
    public let path: String
    /// A line each.
    public let headers: [String]
    /// All of it, as text.
    public let body: String
}

/// An HTTP server that answers as a test says.
@LoopActor public final class FakeHTTPServer {
    /// What becomes of a request.
    public enum Reply: Sendable {
        /// A status and a body.
        case answer(Int, [UInt8])
        /// These bytes and nothing else, then the end.
        case raw([UInt8])
        /// Nothing comes.
        case silence
    }

    /// All requests so far.
    public private(set) var asked: [Asked] = []
    private var listener: StreamListener?
    private var streams: [ByteStream] = []
    private let reply: @LoopActor (Asked) -> Reply
    private var port: UInt16 = 0

    /// Listens at a port that the kernel chooses.
    public init(_ reply: @escaping @LoopActor (Asked) -> Reply) throws {
        self.reply = reply
        try open()
    }

    /// Listens, again at the same port.
    public func open() throws {
        guard let loopback = Endpoint(parsing: "127.0.0.1:\(port)", defaultPort: port) else {
            preconditionFailure("127.0.0.1:\(port) is an address")
        }
        let listener = try StreamListener.tcp(loopback) { [weak self] stream in self?.accept(stream) }
        self.listener = listener
        port = listener.local?.port ?? 0
    }

    /// Without a slash at the end.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// Ends all connections.
    public func close() {
        listener?.close()
        listener = nil
        for stream in streams { stream.close() }
        streams = []
    }

    private func accept(_ stream: ByteStream) {
        streams.append(stream)
        var waiting: [UInt8] = []
        stream.startReading(
            onBytes: { [weak self, weak stream] bytes in
                for index in 0..<bytes.byteCount {
                    unsafe waiting.append(bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self))
                }
                guard let stream, let request = Self.request(waiting) else { return }
                waiting = []
                self?.answer(request, stream)
            }, onEnd: { [weak stream] _ in stream?.close() })
    }

    private static func request(_ bytes: [UInt8]) -> Asked? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let head = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n").map(String.init)
        let length = head.first { $0.lowercased().hasPrefix("content-length:") }
        let byteCount = length.flatMap { Int($0.dropFirst(15).filter(\.isNumber)) } ?? 0
        let body = bytes[end.upperBound...]
        guard body.count >= byteCount, let line = head.first?.split(separator: " "), line.count == 3 else { return nil }
        return Asked(
            method: String(line[0]), path: String(line[1]), headers: Array(head.dropFirst()),
            body: String(decoding: body, as: UTF8.self))
    }

    private func answer(_ request: Asked, _ stream: ByteStream) {
        asked.append(request)
        switch reply(request) {
        case .answer(let status, let body):
            stream.write(Array("HTTP/1.1 \(status) x\r\nContent-Length: \(body.count)\r\n\r\n".utf8) + body)
        case .raw(let bytes):
            stream.write(bytes)
            stream.shutdownThenClose()
        case .silence: break
        }
    }
}
