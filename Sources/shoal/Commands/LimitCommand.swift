import ArgumentParser
import Control
import Units

struct LimitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "limit",
        abstract: "How fast this node may send and receive: shows what is in force and why, or changes it at once.",
        discussion: """
            A RATE is a number and B/s, kB/s, MB/s, GB/s, KiB/s, MiB/s, GiB/s, kbit/s, Mbit/s or Gbit/s, such as \
            20MB/s, at least 64 kB/s, or "unlimited". What is set here goes before the schedule and the values of the \
            configuration, and survives a restart, until --clear or the end of --for.
            """)

    @Option(name: .long, help: ArgumentHelp("The most that this node sends.", valueName: "rate"))
    var upload: String?
    @Option(name: .long, help: ArgumentHelp("The most that this node receives.", valueName: "rate"))
    var download: String?
    @Option(name: .long, help: ArgumentHelp("low: sends what other traffic leaves; or normal.", valueName: "priority"))
    var priority: String?
    @Option(
        name: .customLong("class"),
        help: ArgumentHelp("Only for links of a class: host, rack, zone, region or far.", valueName: "class"))
    var linkClass: String?
    @Option(
        name: .customLong("for"), help: ArgumentHelp("How long, such as 30m, 8h or 1h30m.", valueName: "duration"))
    var duration: String?
    @Flag(name: .long, help: "Take back what was set before: with --class of that class, else everything.")
    var clear = false
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            let request = SetLimits(
                links: linkClass, upload: try Self.rate(upload, "--upload"),
                download: try Self.rate(download, "--download"), priority: priority,
                seconds: try Self.seconds(duration), clear: clear)
            output.show(try await agent.ask(request)) { LimitText.render($0) }
        }
    }

    /// Bytes a second; 0 for no limit.
    static func rate(_ text: String?, _ option: String) throws(ControlError) -> Int64? {
        guard let text else { return nil }
        if text == "unlimited" { return 0 }
        guard let rate = ByteRate(parsing: text) else {
            throw ControlError(
                .wrongUsage, "\(option) is a rate, not \(text)",
                hint: "For example 20MB/s, 512KiB/s, 100Mbit/s or unlimited.")
        }
        return rate.bytesPerSecond
    }

    static func seconds(_ text: String?) throws(ControlError) -> Int? {
        guard let text else { return nil }
        guard let duration = Duration(parsing: text) else {
            throw ControlError(.wrongUsage, "--for is a time, not \(text)", hint: "For example 90s, 30m, 8h or 1h30m.")
        }
        return Int(duration.components.seconds)
    }
}

/// `shoal limit` for people.
enum LimitText {
    static func render(_ report: LimitReport) -> String {
        Format.table(
            ["WHAT", "LINKS", "VALUE", "WHY"],
            report.items.map { [$0.what, $0.links.isEmpty ? "all" : $0.links, value(of: $0), reason(of: $0)] })
    }

    private static func value(of item: LimitStatus) -> String {
        guard item.priority.isEmpty else { return item.priority }
        return ByteRate(bytesPerSecond: item.bytesPerSecond)?.description ?? "unlimited"
    }

    private static func reason(of item: LimitStatus) -> String {
        if !item.schedule.isEmpty { return "schedule, \(item.schedule)" }
        return item.until.isEmpty ? item.source : "\(item.source), until \(item.until)"
    }
}
