import ArgumentParser
import Control

struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Free space: delete the versions here that nobody needs.",
        discussion: """
            What is served stays, and the one before it; what an inference process has loaded or mapped; what is \
            pinned; what a followed channel names or `get` is fetching. The agent does the same by itself, the oldest \
            first and no more than needed, when a fetch has no room or the disk gets full (`disk` in the configuration).
            """)

    @Flag(name: .long, help: "Say what would be deleted and what stays, and delete nothing.") var dryRun = false
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            output.show(try await agent.ask(CollectVersions(dryRun: dryRun)), as: text)
        }
    }

    private func text(_ report: CollectReport) -> String {
        let rows = report.items.map { item in
            [
                "\(item.model)@\(item.tag.isEmpty ? String(item.version.prefix(12)) : item.tag)", item.variant,
                Format.bytes(item.bytes), verdict(item),
            ]
        }
        let table = Format.table(["VERSION", "VARIANT", "SIZE", ""], rows)
        return dryRun ? table : "\(table)\n\(Format.bytes(report.freedBytes)) became free"
    }

    private func verdict(_ item: CollectReport.Item) -> String {
        if item.deleted { return dryRun ? "would be deleted" : "deleted" }
        return item.keptBecause.isEmpty ? "stays" : "stays: \(item.keptBecause)"
    }
}
