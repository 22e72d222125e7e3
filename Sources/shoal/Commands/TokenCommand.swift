import ArgumentParser
import Control

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Tokens that let nodes into the cluster.",
        subcommands: [TokenCreateCommand.self])
}

struct TokenCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make a token that lets one node join, once.",
        discussion: "Runs on a node that holds the CA key: the one that was made with `shoal init`.")

    @Option(name: .long, help: ArgumentHelp("How long it is good for, in minutes; at most 1440.", valueName: "minutes"))
    var lifetime = 60
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting {
            guard (1...1440).contains(lifetime) else {
                throw ControlError(.wrongUsage, "--lifetime is from 1 to 1440 minutes, not \(lifetime)")
            }
            output.show(try await agent.ask(CreateToken(lifetimeSeconds: lifetime * 60))) { $0.token }
        }
    }
}
