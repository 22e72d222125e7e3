/// Why a channel of lines ended.
public enum LineChannelEnd: Sendable {
    /// The other side closed. What it sent after the last newline is dropped.
    case closed
    /// A line was longer than allowed. What `onEnd` sends still goes out, then the connection closes.
    case lineTooLong
    /// The connection broke.
    case failed(LoopError)
    /// The other side does not read: more than allowed waited to be sent.
    case backlog
}

/// Messages that end with a newline over a ``ByteStream``: what the control socket and hand-off share.
///
/// idle → running → ended. `onEnd` is called once, unless `close()` came first.
@LoopActor public final class LineChannel {
    /// What carries the lines.
    public let stream: ByteStream
    private let lineByteCountMax: Int
    private let queuedByteCountMax: Int
    /// Bytes of a line whose newline has not come yet; at most `lineByteCountMax`.
    private var partial: [UInt8] = []
    private var onLine: (@LoopActor ([UInt8]) -> Void)?
    private var onEnd: (@LoopActor (LineChannelEnd) -> Void)?

    /// - Parameters:
    ///   - lineByteCountMax: The longest line, without its newline. A longer one ends the connection.
    ///   - queuedByteCountMax: How much may wait to be sent. More ends the connection.
    public init(_ stream: ByteStream, lineByteCountMax: Int, queuedByteCountMax: Int) {
        precondition(lineByteCountMax > 0 && queuedByteCountMax > 0, "a channel of lines with an empty bound")
        self.stream = stream
        self.lineByteCountMax = lineByteCountMax
        self.queuedByteCountMax = queuedByteCountMax
    }

    /// Starts reading. `onLine` gets each line without its newline. The channel keeps both callbacks until it ends.
    public func start(
        onLine: @escaping @LoopActor ([UInt8]) -> Void, onEnd: @escaping @LoopActor (LineChannelEnd) -> Void
    ) {
        self.onLine = onLine
        self.onEnd = onEnd
        // The stream holds the channel until one of them is closed: the owner may keep either.
        stream.startReading(
            onBytes: { bytes in self.receive(bytes) },
            onEnd: { error in self.end(error.map { .failed($0) } ?? .closed) })
    }

    /// Sends a line; adds the newline.
    ///
    /// - Precondition: `line` contains no newline.
    public func send(_ line: [UInt8]) {
        guard !stream.isClosed else { return }
        var message = consume line
        assert(!message.contains(newline), "a line with a newline inside")
        message.append(newline)
        stream.write(message)
        guard stream.queuedByteCount > queuedByteCountMax else { return }
        let onEnd = self.onEnd
        close()
        if let onEnd { Later.run { onEnd(.backlog) } }
    }

    /// Closes at once, without a callback. Idempotent.
    public func close() {
        onLine = nil
        onEnd = nil
        partial = []
        stream.close()
    }

    /// Sends what waits, then closes, without a callback. What comes in is dropped.
    public func flushThenClose() {
        onLine = nil
        onEnd = nil
        partial = []
        stream.shutdownThenClose()
    }

    private func end(_ end: LineChannelEnd) {
        let onEnd = self.onEnd
        onLine = nil
        self.onEnd = nil
        onEnd?(end)
        stream.shutdownThenClose()
    }

    private func receive(_ bytes: borrowing RawSpan) {
        var start = 0
        for index in 0..<bytes.byteCount where unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) == newline
        {
            guard partial.count + index - start <= lineByteCountMax else { return end(.lineTooLong) }
            append(bytes, start..<index)
            start = index + 1
            let line = partial
            partial = []
            onLine?(line)
            guard onLine != nil else { return }  // closed by the callback
        }
        guard partial.count + bytes.byteCount - start <= lineByteCountMax else { return end(.lineTooLong) }
        append(bytes, start..<bytes.byteCount)
    }

    private func append(_ bytes: borrowing RawSpan, _ range: Range<Int>) {
        unsafe bytes.withUnsafeBytes { buffer in unsafe partial.append(contentsOf: buffer[range]) }
    }
}

private let newline = UInt8(ascii: "\n")
