internal import EventLoop
internal import Glibc
public import Logging
internal import Synchronization
internal import Units

/// Writes one event a line to stderr: time, level, message, then the metadata as `key=value`.
///
/// Under systemd's journal the time is left out and the level becomes the journal's prefix (sd-daemon(3)).
public struct EventLogHandler: LogHandler {
    /// Events below it are not written.
    public var logLevel: Logger.Level = .info
    /// Written with every event; an event's own value for a key wins.
    public var metadata: Logger.Metadata = [:]
    private let isForJournal: Bool
    /// The process has one stderr, so all handlers share it.
    private static let quota = Mutex(LogQuota())

    /// - Parameter label: not shown; the process logs for one agent.
    public init(label: String) {
        unsafe isForJournal = getenv("JOURNAL_STREAM") != nil
    }

    /// The value that every event carries under `key`, if there is one.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the event as one line with one call; what stderr refuses is lost, and so is what one place in the code
    /// says too often, except for debugging.
    public func log(event: LogEvent) {
        let place = LogQuota.Place(file: event.file, line: event.line)
        let isForDebugging = event.level < .info
        let leftOut = isForDebugging ? 0 : Self.quota.withLock { $0.take(place, now: Clock.now()) }
        guard let leftOut else { return }
        var line = isForJournal ? "<\(priority(of: event.level))>" : "\(Clock.preciseWallTime()) \(event.level) "
        line += clean(event.message.description)
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(quoted(value.description))" }
        if leftOut > 0 { line += " left-out=\(leftOut)" }
        line += "\n"
        let bytes = Array(line.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// A line stays a line, whatever a peer put into a name.
    private func clean(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }

    private func quoted(_ text: String) -> String {
        let cleaned = clean(text)
        return cleaned.contains(" ") || cleaned.isEmpty ? "\"\(cleaned)\"" : cleaned
    }

    private func priority(of level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
