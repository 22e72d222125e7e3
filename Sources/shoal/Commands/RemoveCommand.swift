import ArgumentParser
import Control

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete a version on this node; never the one that is served.")

    @Argument(help: ArgumentHelp("MODEL@VERSION.", valueName: "version"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.remove/1"
        let model: String
        let version: String
    }

    func run() async throws {
        try await output.reporting {
            let version = try reference.requireVersion("remove")
            _ = try await agent.ask(RemoveVersion(model: reference.model, version: version))
            output.show(Report(model: reference.model, version: version)) { "removed \($0.model)@\($0.version)" }
        }
    }
}
