import ArgumentParser
import Control

struct RemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Delete a version on this node; never the one that is served.")

    @Argument(help: ArgumentHelp("MODEL@VERSION.", valueName: "version"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            let version = try reference.requireVersion("remove")
            _ = try await agent.ask(RemoveVersion(model: reference.model, version: version))
        }
    }
}
