import ArgumentParser
import Control
import EventLoop
import Manifest
import Rollout
import Units

struct RolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Move a rollout from ring to ring, or look at it.",
        discussion: "It begins with `shoal promote --rollout`.", subcommands: [Run.self, Status.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Let the next ring switch once the one before serves the version well; halt it if it does not.",
            discussion: """
                Needs a key that may promote, and one that may deny for a halt. While nothing runs it, nothing moves \
                on; it may end at any moment and be started again, on any node with the keys. Exits with 0 once all \
                rings serve the version, with 5 when the rollout is halted, with 2 when --for has passed.
                """)

        @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "channel")) var channel: ChannelReference
        @Option(
            name: .long,
            help: ArgumentHelp("Each ring switches at one instant, so long after it may.", valueName: "duration"))
        var flipAfter: String?
        @Option(name: .customLong("for"), help: ArgumentHelp("How long at most, such as 8h.", valueName: "duration"))
        var duration: String?
        @OptionGroup var keyOptions: KeyOptions
        @OptionGroup var output: JSONOption
        @OptionGroup var agent: StateOptions

        func run() async throws {
            try await output.reporting {
                let end = try Self.time(duration, "--for").map { Clock.now() + $0 }
                try await RolloutRun(
                    channel: channel, flipAfter: try Self.time(flipAfter, "--flip-after"), agent: agent,
                    keys: keyOptions, output: output
                ).run(until: end)
            }
        }

        private static func time(_ text: String?, _ option: String) throws(ControlError) -> Duration? {
            guard let text else { return nil }
            guard let time = Duration(parsing: text) else {
                throw ControlError(.wrongUsage, "\(option) is a time, not \(text)", hint: "For example 30s or 8h.")
            }
            return time
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "How the rings of a rollout fare.")

        @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "channel")) var channel: ChannelReference
        @Flag(name: .long, help: "Show it again every second until interrupted; with --json one object a line.")
        var watch = false
        @OptionGroup var output: JSONOption
        @OptionGroup var agent: StateOptions

        func run() async throws {
            try await output.reporting {
                repeat {
                    let question = GetRollout(model: channel.model.text, channel: channel.channel.text)
                    let report = try RolloutReport(channel, try await agent.ask(question))
                    if watch, output.json {
                        Terminal.print(String(decoding: ControlJSON.encode(report), as: UTF8.self))
                    } else {
                        if watch, Terminal.hasColour { Terminal.print("\u{1B}[H\u{1B}[2J") }
                        output.show(report) { $0.text }
                    }
                    if watch { try await Task.sleep(for: .seconds(1)) }
                } while watch
            }
        }
    }
}
