import ArgumentParser
import Control
import Manifest
import Units

struct HaltCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "halt",
        abstract: "Stop a channel's rollout now: its nodes go back to what they ran before; --lift goes on.",
        discussion: """
            Reaches every connected agent within seconds; none fetches, offers or switches to what the channel names. \
            `shoal rollback` goes back for good.
            """)

    @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "channel")) var channel: ChannelReference
    @Flag(name: .long, help: "Let the rollout go on where it stopped.") var lift = false
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.halt/1"
        let model: String
        let channel: String
        let state: String
    }

    func run() async throws {
        try await output.reporting {
            _ = try await DenyMove(
                question: DraftDeny(model: channel.model.text, channel: channel.channel.text),
                state: lift ? .lifted : .denied, agent: agent, keys: keyOptions
            ).run()
            let report = Report(
                model: channel.model.text, channel: channel.channel.text, state: lift ? "running" : "halted")
            output.show(report) { "\($0.model):\($0.channel) is \($0.state)" }
        }
    }
}
