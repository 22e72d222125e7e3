import ArgumentParser
import Control
import Units

struct FollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Keep this node at what a channel of a model names, from now on and after restarts.",
        discussion: "The model need not exist yet. MODEL alone means MODEL:stable.")

    @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "model"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting { try await FollowCommand.set(true, reference, agent) }
    }

    /// What `follow` and `unfollow` share.
    static func set(_ follow: Bool, _ reference: ModelReference, _ agent: StateOptions) async throws {
        guard reference.version == nil else {
            throw ControlError(
                .wrongUsage, "a version cannot be followed, only a channel", hint: "Use `shoal get` for one version.")
        }
        let channel = reference.channel ?? ChannelName.stable.text
        _ = try await agent.ask(SetFollow(model: reference.model, channel: channel, follow: follow))
    }
}

struct UnfollowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unfollow", abstract: "Stop following a channel; what was fetched stays.")

    @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "model"))
    var reference: ModelReference
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    func run() async throws {
        try await output.reporting { try await FollowCommand.set(false, reference, agent) }
    }
}
