import ArgumentParser
import Control
import Units

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Which version of a model served where and when, as this node heard of it.")

    @Argument(help: ArgumentHelp("The model.", valueName: "model")) var model: String
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            output.show(try await agent.ask(GetHistory(model: model))) { history in
                guard !history.changes.isEmpty else { return "nothing is known of \(history.model)" }
                return Format.table(
                    ["WHEN", "NODE", "CHANNEL", "SERVES", "BEFORE", "WHY"],
                    history.changes.map {
                        [$0.at, $0.name, $0.channel, $0.served.text, $0.before.text, Format.line($0.reason)]
                    })
            }
        }
    }
}
