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

    @Flag(name: .long, help: "Say what it would cost, and fetch nothing.")
    var plan = false

    @Option(
        name: .customLong("output"),
        help: ArgumentHelp(
            "Copy the files there once they are complete; a folder that does not exist or is empty.",
            valueName: "folder"))
    var target: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Fetch only files of which the path matches, such as '*.json', to the folder of --output; they are no "
                + "version here. May be given several times.", valueName: "glob"))
    var include: [String] = []

    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    /// The agent has another working directory.
    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }

    func run() async throws {
        try await output.reporting {
            if plan { return try await showPlan() }
            if let wait, !(0...Limits.waitSecondsMax).contains(wait) {
                throw ControlError(.wrongUsage, "--wait is from 0 to \(Limits.waitSecondsMax) seconds, not \(wait)")
            }
            if !include.isEmpty { return try await getPart() }
            if noWait, target != nil {
                throw ControlError(.wrongUsage, "--output needs the whole version: leave --no-wait out")
            }
            let progress = ProgressLine()
            let request = GetVersion(
                model: reference.model, version: reference.version, channel: reference.channel, waitSeconds: wait,
                wait: !noWait, reuseFrom: reuseFrom.map(Self.absolute))
            defer { Task { await progress.finish() } }
            var version = try await agent.ask(request) { progress.show($0) }
            await progress.finish()
            if let target { version.path = try PlainFiles.copy(from: version.path, to: Self.absolute(target)) }
            output.show(version) { $0.complete ? $0.path : "\($0.model)@\($0.tag) is being fetched" }
        }
    }

    private func getPart() async throws {
        guard let target, !noWait, reuseFrom.isEmpty else {
            throw ControlError(
                .wrongUsage, "--include copies files: it needs --output, and takes neither --no-wait nor --reuse-from")
        }
        try PlainFiles.prepare(Self.absolute(target))
        let progress = ProgressLine()
        defer { Task { await progress.finish() } }
        let request = GetPart(
            model: reference.model, version: reference.version, channel: reference.channel, include: include,
            waitSeconds: wait)
        var part = try await agent.ask(request) { progress.show($0) }
        await progress.finish()
        let result = Result { () throws(ControlError) in
            try PlainFiles.copy(from: part.path, to: Self.absolute(target), only: part.files)
        }
        // It ends by itself after a while.
        _ = try? await agent.ask(EndPart(version: part.version))
        part.path = try result.get()
        output.show(part) { "\($0.path): \($0.files.count) files, \(Format.bytes($0.bytes))" }
    }

    private func showPlan() async throws {
        let request = PlanVersion(model: reference.model, version: reference.version, channel: reference.channel)
        output.show(try await agent.ask(request)) { plan in
            guard !plan.complete else { return "\(plan.model)@\(plan.tag) is complete here" }
            let time = plan.seconds.map { ", about \(Format.seconds($0)) at the best rate so far" } ?? ""
            let room = plan.bytesDisk > plan.bytesFree ? "; that is too much" : ""
            return """
                \(plan.model)@\(plan.tag), variant \(plan.variant), \(Format.bytes(plan.bytesTotal))
                here already  \(Format.bytes(plan.bytesReused))
                to transfer   \(Format.bytes(plan.bytesTransfer))\(time)
                on the disk   \(Format.bytes(plan.bytesDisk)) of \(Format.bytes(plan.bytesFree)) free\(room)
                """
        }
    }
}
