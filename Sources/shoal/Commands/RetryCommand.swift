import ArgumentParser
import Control

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Have this node try a version again that failed here and was set aside.",
        discussion: """
            Without a version: all of the model's. Switching that stopped, because several versions failed one after \
            the other, goes on. `shoal status` says what failed, and why.
            """)

    @Argument(help: ArgumentHelp("MODEL or MODEL@VERSION.", valueName: "model"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.retry/1"
        let model: String
        let version: String?
    }

    func run() async throws {
        try await output.reporting {
            _ = try await agent.ask(RetryVersion(model: reference.model, version: reference.version))
            output.show(Report(model: reference.model, version: reference.version)) {
                "\($0.model)\($0.version.map { "@" + $0 } ?? "") may be tried again here"
            }
        }
    }
}
