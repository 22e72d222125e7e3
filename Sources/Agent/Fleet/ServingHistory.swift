internal import EventLoop
internal import Files
internal import Fleet
internal import FoundationEssentials
internal import Logging
internal import Units

/// Which version served where and when, as this node heard of it: a file of lines that is only appended to, and one
/// before it. `<state>/history/served.jsonl`.
@LoopActor
final class ServingHistory {
    /// One change of what a node serves in a channel.
    struct Entry: Codable, Equatable, Sendable {
        /// When this node heard of it; RFC 3339 in UTC.
        let at: String
        let node: String
        let name: String
        let model: String
        let channel: String
        /// Manifest digests in hexadecimal; nil for nothing.
        let before: String?
        let served: String?
        /// Why a version was set aside, if the change came with that.
        let reason: String?
    }

    private struct Place: Hashable {
        let node: String
        let channel: String
    }

    private let files: RealFileSystem?
    private let jobs: Jobs
    private let log: Logger
    private var last: [Place: String] = [:]
    private var unwritten: [Entry] = []
    private nonisolated static let newest = "served.jsonl"
    private nonisolated static let older = "served.1.jsonl"

    /// Makes its folder. `open` reads what an earlier run wrote.
    init(statePath: String, jobs: Jobs, log: Logger) {
        self.jobs = jobs
        self.log = log
        do throws(FileError) {
            let state = try RealFileSystem(folder: statePath)
            try state.makeDurableDirectory("history", mode: 0o700)
            files = try RealFileSystem(folder: statePath + "/history")
        } catch {
            files = nil
            log.error("no history is kept: \(error)")
        }
    }

    /// Reads what an earlier run wrote, on the pool: it may be megabytes.
    func open() async {
        guard let files else { return }
        for entry in (try? await ThreadPool.run { Self.read(files) }) ?? [] { remember(entry) }
    }

    /// Compares what a node says with what it said before.
    /// - Parameter isKnown: whether a head of a channel is known here: names that somebody invents are no history.
    func note(_ record: StatusRecord, isKnown: (ModelChannel) -> Bool) {
        for report in record.channels where isKnown(report.channel) {
            let place = Place(node: record.node.hex, channel: "\(report.channel)")
            guard last[place] != report.served?.hex,
                last[place] != nil || last.count < Limits.historyPlaceCountMax
            else { continue }
            let entry = Entry(
                at: Clock.preciseWallTime(), node: record.node.hex, name: record.name.text,
                model: report.channel.model.text, channel: report.channel.channel.text, before: last[place],
                served: report.served?.hex, reason: report.failed == nil ? nil : report.reason)
            remember(entry)
            unwritten.append(entry)
        }
        guard !unwritten.isEmpty, let files else { return unwritten = [] }
        jobs.start("history") { [self] in
            // A whole ring switches at once: one write for all of it.
            try? await Task.sleep(for: .milliseconds(200))
            while !unwritten.isEmpty { await write(files) }
        }
    }

    /// Writes what is only in memory.
    func close() async {
        if let files, !unwritten.isEmpty { await write(files) }
    }

    private func remember(_ entry: Entry) {
        last[Place(node: entry.node, channel: "\(entry.model):\(entry.channel)")] = entry.served
    }

    private func write(_ files: RealFileSystem) async {
        let entries = unwritten
        unwritten = []
        do {
            try await ThreadPool.run { try Self.append(entries, to: files) }
        } catch {
            log.error("the history of what served where misses \(entries.count) changes: \(error)")
        }
    }

    /// The changes of one model, the oldest first.
    func entries(of model: ModelName) async -> [Entry] {
        guard let files else { return [] }
        let written = (try? await ThreadPool.run { Self.read(files) }) ?? []
        return (written + unwritten).filter { $0.model == model.text }
    }

    // MARK: The file

    private nonisolated static func append(_ entries: [Entry], to files: RealFileSystem) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // The line's end comes first: what a power cut tore takes nothing else with it.
        let lines = try entries.flatMap { [UInt8(ascii: "\n")] + Array(try encoder.encode($0)) }
        if !(try files.exists(StorePath(parsing: newest))) {
            _ = try files.create(StorePath(parsing: newest), reserving: 0, mode: 0o600)
            try files.synchronizeDirectory(.root)
        }
        let file = try files.open(StorePath(parsing: newest), for: .writing)
        let end = try file.status().byteCount
        try file.write(lines, at: ByteOffset(0) + end)
        try file.synchronize()
        guard end.value + Int64(lines.count) > Limits.historyFileByteCountMax else { return }
        try files.rename(StorePath(parsing: newest), to: StorePath(parsing: older), target: .mayExist)
        try files.synchronizeDirectory(.root)
    }

    /// A line that a power cut tore is left out.
    private nonisolated static func read(_ files: RealFileSystem) -> [Entry] {
        [older, newest].flatMap { name -> [Entry] in
            guard let path = try? StorePath(parsing: name),
                let bytes = try? files.readWhole(path, byteCountMax: Int(Limits.historyFileByteCountMax) * 2)
            else { return [] }
            return bytes.split(separator: UInt8(ascii: "\n")).compactMap {
                try? JSONDecoder().decode(Entry.self, from: Data($0))
            }
        }
    }
}
