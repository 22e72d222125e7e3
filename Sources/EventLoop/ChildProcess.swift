internal import CLibuv
internal import CLinux
internal import Glibc
internal import Units

/// A process that this one started, with a group of its own.
///
/// running → ended → told. It is always reaped: the object keeps itself until then, whoever lets go of it.
@LoopActor public final class ChildProcess {
    /// What to start.
    public struct Command: Hashable, Sendable {
        /// The program, looked up in `PATH` unless it has a slash, and its arguments.
        public var arguments: [String]
        /// Put on top of this process's own environment.
        public var environment: [String: String]
        /// Where it starts; nil for where this process is.
        public var folder: String?

        /// - Precondition: there is a program.
        public init(_ arguments: [String], environment: [String: String] = [:], folder: String? = nil) {
            precondition(!arguments.isEmpty, "a command without a program")
            self.arguments = arguments
            self.environment = environment
            self.folder = folder
        }
    }

    /// How it ended.
    public enum End: Hashable, Sendable, CustomStringConvertible {
        /// By itself.
        case exited(status: Int)
        /// By a signal.
        case killed(signal: Int)

        /// For people.
        public var description: String {
            switch self {
            case .exited(let status): "it ended with exit code \(status)"
            case .killed(let signal): "signal \(signal) ended it"
            }
        }
    }

    /// Where a line came from.
    public enum Stream: Hashable, Sendable {
        case output, errors
    }

    /// Its number, which is also that of its group.
    public private(set) var processID: Int32 = 0
    /// Nil while it runs. Set before `onEnd` is called.
    public private(set) var end: End?
    private let handle: UVHandle
    private var outputs: [Stream: ByteStream] = [:]
    private var lines: [Stream: BoundedLines] = [:]
    private var onLine: (@LoopActor (Stream, String) -> Void)?
    private var onEnd: (@LoopActor (End) -> Void)?
    /// Lets go of outputs that somebody else holds open.
    private var patience: LoopTimer?
    /// Until it is told how the process ended.
    private var myself: ChildProcess?

    /// Starts it.
    ///
    /// - Parameters:
    ///   - onLine: Each line that it writes, cut at `Limits.childLineByteCountMax`.
    ///   - onEnd: Called once: it has ended, and all that it wrote has been handed over.
    /// - Throws: `.notFound` for a program or a folder that is not there, `.permission`.
    public init(
        _ command: Command, onLine: @escaping @LoopActor (Stream, String) -> Void,
        onEnd: @escaping @LoopActor (End) -> Void
    ) throws(LoopError) {
        let (output, errors) = (try ByteStream(.unix), try ByteStream(.unix))
        var status: Int32 = 0
        handle = unsafe try UVHandle(UV_PROCESS, "start") { loop, raw in
            status = unsafe Self.spawn(
                command, loop, raw.assumingMemoryBound(to: uv_process_t.self), [output.handle, errors.handle])
            return 0  // libuv knows the handle even if it could not start anything, so it has to be closed as one
        }
        handle.owner = self
        guard status == 0 else {
            handle.close()
            output.close()
            errors.close()
            throw LoopError(status: status, "start", command.arguments[0])
        }
        self.onLine = onLine
        self.onEnd = onEnd
        processID = unsafe handle.process.pointee.pid
        myself = self
        outputs = [.output: output, .errors: errors]
        for stream in outputs.keys { read(stream) }
    }

    /// Sends a signal to it, or to it and all that it started. Nothing happens once it has ended.
    public func signal(_ number: Int32, wholeGroup: Bool = false) {
        guard end == nil else { return }
        _ = kill(wholeGroup ? -processID : processID, number)
    }

    // MARK: Output

    private func read(_ stream: Stream) {
        lines[stream] = BoundedLines()
        outputs[stream]?.startReading(
            onBytes: { [weak self] bytes in self?.take(bytes, from: stream) },
            onEnd: { [weak self] _ in self?.outputDidEnd(stream) })
    }

    private func take(_ bytes: borrowing RawSpan, from stream: Stream) {
        for index in 0..<bytes.byteCount {
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            if let line = lines[stream]?.take(byte) { onLine?(stream, line) }
        }
    }

    private func outputDidEnd(_ stream: Stream) {
        if let rest = lines.removeValue(forKey: stream)?.rest { onLine?(stream, rest) }
        outputs.removeValue(forKey: stream)?.close()
        tellIfDone()
    }

    // MARK: End

    fileprivate func ended(_ end: End) {
        self.end = end
        handle.close()
        guard !outputs.isEmpty else { return tellIfDone() }
        // What it started may hold its outputs open for ever.
        let timer = LoopTimer { [weak self] in
            for stream in [Stream.output, .errors] { self?.outputDidEnd(stream) }
        }
        timer.start(after: .milliseconds(Limits.childOutputMillisecondsMax))
        patience = timer
    }

    private func tellIfDone() {
        guard let end, outputs.isEmpty, let onEnd else { return }
        patience?.close()
        self.onEnd = nil
        onLine = nil
        myself = nil
        onEnd(end)
    }

    // MARK: Start

    private static func spawn(
        _ command: Command, _ loop: UnsafeMutablePointer<uv_loop_t>, _ process: UnsafeMutablePointer<uv_process_t>,
        _ outputs: [UVHandle]
    ) -> Int32 {
        var containers = unsafe [uv_stdio_container_t()]
        unsafe containers[0].flags = UV_IGNORE
        for handle in outputs {
            var container = unsafe uv_stdio_container_t()
            unsafe container.flags = uv_stdio_flags(UV_CREATE_PIPE.rawValue | UV_WRITABLE_PIPE.rawValue)
            unsafe container.data.stream = handle.stream
            unsafe containers.append(container)
        }
        let environment = ownEnvironment().merging(command.environment) { $1 }
        let pairs = environment.keys.sorted().map { "\($0)=\(environment[$0] ?? "")" }
        return unsafe withTexts(command.arguments) { arguments in
            unsafe withTexts(pairs) { pairs in
                unsafe withTexts([command.folder ?? ""]) { folder in
                    var options = unsafe uv_process_options_t()
                    unsafe options.exit_cb = childDidExit
                    unsafe options.file = UnsafePointer(arguments[0])
                    unsafe options.args = arguments
                    unsafe options.env = pairs
                    unsafe options.cwd = command.folder == nil ? nil : UnsafePointer(folder[0])
                    // A session of its own: what it starts can be ended with it, and Ctrl-C is the agent's.
                    unsafe options.flags = UV_PROCESS_DETACHED.rawValue
                    unsafe options.stdio_count = Int32(containers.count)
                    return unsafe containers.withUnsafeMutableBufferPointer { buffer in
                        unsafe options.stdio = buffer.baseAddress
                        return unsafe uv_spawn(loop, process, &options)
                    }
                }
            }
        }
    }

    /// C's array of C's texts, with its closing NULL, for as long as `body` runs.
    private static func withTexts<T>(
        _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> T
    ) -> T {
        var pointers = unsafe texts.map { text in unsafe strdup(text) } + [nil]
        defer { for index in texts.indices { unsafe free(pointers[index]) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { preconditionFailure("an array without its NULL") }
            return unsafe body(base)
        }
    }
}

/// This process's own environment.
private func ownEnvironment() -> [String: String] {
    var found: [String: String] = [:]
    var index = 0
    while let entry = unsafe clinux_environment_entry(index) {
        let pair = unsafe String(cString: entry)
        if let equals = pair.firstIndex(of: "=") {
            found[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        index += 1
    }
    return found
}

/// Bytes to lines; what is over the bound of a line is dropped.
struct BoundedLines {
    private var line: [UInt8] = []

    mutating func take(_ byte: UInt8) -> String? {
        guard byte == UInt8(ascii: "\n") else {
            if line.count < Limits.childLineByteCountMax { line.append(byte) }
            return nil
        }
        defer { line.removeAll(keepingCapacity: true) }
        return String(decoding: line, as: UTF8.self)
    }

    /// The last line, if no newline followed it.
    var rest: String? { line.isEmpty ? nil : String(decoding: line, as: UTF8.self) }
}

private func childDidExit(_ handle: UnsafeMutablePointer<uv_process_t>?, _ status: Int64, _ signal: Int32) {
    unsafe LoopActor.enter(handle) { handle in
        let end: ChildProcess.End = signal == 0 ? .exited(status: Int(status)) : .killed(signal: Int(signal))
        unsafe UVHandle.owner(ChildProcess.self, data: handle?.pointee.data)?.ended(end)
    }
}
