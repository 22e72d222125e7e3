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
        try await output.reporting {
            output.show(try await Report.following(true, reference, agent)) { "follows \($0.model):\($0.channel)" }
        }
    }
}

/// What `follow` and `unfollow` print.
private struct Report: Encodable {
    let schema = "shoal.follow/1"
    let model: String
    let channel: String
    /// Whether this node follows the channel now.
    let follows: Bool

    /// Tells the agent.
    static func following(
        _ follow: Bool, _ reference: ModelReference, _ agent: StateOptions
    ) async throws(ControlError) -> Report {
        guard reference.version == nil else {
            throw ControlError(
                .wrongUsage, "a version cannot be followed, only a channel", hint: "Use `shoal get` for one version.")
        }
        let channel = reference.channel ?? ChannelName.stable.text
        _ = try await agent.ask(SetFollow(model: reference.model, channel: channel, follow: follow))
        return Report(model: reference.model, channel: channel, follows: follow)
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
        try await output.reporting {
            output.show(try await Report.following(false, reference, agent)) {
                "follows \($0.model):\($0.channel) no more"
            }
        }
    }
}
