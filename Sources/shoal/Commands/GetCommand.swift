import ArgumentParser
import Control
import FoundationEssentials
import Units

struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "Fetch a version to this node, whether its model is followed or not.",
        discussion: """
            Waits until the version is complete and durable here, and prints its folder. Exits with 4 once every \
            neighbour has said that it knows no such version, which takes at most 5 s; with --wait it keeps asking, \
            and exits with 2 when the time is over.
            """)

    @Argument(help: ArgumentHelp("MODEL, MODEL@VERSION or MODEL:CHANNEL.", valueName: "model"))
    var reference: ModelReference

    @Option(
        name: .long,
        help: ArgumentHelp("How long to keep asking for a version that nobody knows yet.", valueName: "seconds"))
    var wait: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A folder that may hold some of the version's bytes, readable by the agent; may be given several times.",
            valueName: "folder"))
    var reuseFrom: [String] = []

    @Flag(name: .long, help: "Start the fetch and return at once.")
    var noWait = false

    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    /// The agent has another working directory.
    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }

    func run() async throws {
        try await output.reporting {
            if let wait, !(0...Limits.waitSecondsMax).contains(wait) {
                throw ControlError(.wrongUsage, "--wait is from 0 to \(Limits.waitSecondsMax) seconds, not \(wait)")
            }
            let progress = ProgressLine()
            let request = GetVersion(
                model: reference.model, version: reference.version, channel: reference.channel, waitSeconds: wait,
                wait: !noWait, reuseFrom: reuseFrom.map(Self.absolute))
            defer { Task { await progress.finish() } }
            let version = try await agent.ask(request) { progress.show($0) }
            await progress.finish()
            output.show(version) { $0.complete ? $0.path : "\($0.model)@\($0.tag) is being fetched" }
        }
    }
}
