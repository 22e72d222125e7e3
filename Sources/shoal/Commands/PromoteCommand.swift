import ArgumentParser
import Control
import Units

struct PromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Move a channel to a version, forward or back.",
        discussion: "Takes the newest head from the neighbours first. Exits with 75 if somebody else was faster.")

    @Argument(help: ArgumentHelp("MODEL@VERSION.", valueName: "version")) var reference: ModelReference
    @Option(name: .long, help: ArgumentHelp("The channel to move.", valueName: "name")) var channel = "stable"
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.promote/1"
        let model: String
        let version: String
        let channel: String
    }

    func run() async throws {
        try await output.reporting {
            let version = try reference.requireVersion("promote")
            guard let model = ModelName(reference.model), let name = ChannelName(channel) else {
                throw ControlError(.wrongUsage, "\(channel) is no channel")
            }
            _ = try await HeadMove(model: model, version: version, channel: name, agent: agent, keys: keyOptions)
                .run(requiringKey: true)
            output.show(Report(model: reference.model, version: version, channel: channel)) {
                "\($0.model):\($0.channel) names \($0.version)"
            }
        }
    }
}
