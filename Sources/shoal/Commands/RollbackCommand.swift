import ArgumentParser
import Control
import Manifest
import Units

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Move a channel back to the version before, on all nodes; a halt of it is lifted.",
        discussion: "Further back: `shoal promote MODEL@VERSION`.")

    @Argument(help: ArgumentHelp("MODEL or MODEL:CHANNEL.", valueName: "channel")) var channel: ChannelReference
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.rollback/1"
        let model: String
        let channel: String
        let version: String
        let tag: String
    }

    func run() async throws {
        try await output.reporting {
            let known = try await agent.ask(GetRollout(model: channel.model.text, channel: channel.channel.text))
            let target = try target(in: known)
            _ = try await HeadMove(
                model: channel.model, version: target.hex, channel: channel.channel, agent: agent, keys: keyOptions
            )
            // The channel may still be halted: then nodes run what the head names as its base.
            .run(requiringKey: true) { ground in
                try ground.require(try Head(hex: known.head))
                return RolloutPlan(base: target, pins: ground.head?.rollout.pins ?? [])
            }
            if known.halted { try await liftHalt() }
            let report = Report(
                model: channel.model.text, channel: channel.channel.text, version: target.hex,
                tag: known.tags[target.hex] ?? "")
            output.show(report) { "\($0.model):\($0.channel) is back at \($0.tag.isEmpty ? $0.version : $0.tag)" }
        }
    }

    private func target(in known: GetRollout.Reply) throws(ControlError) -> Digest {
        guard let head = try Head(hex: known.head) else {
            throw ControlError(.notFound, "\(channel.text) names no version yet")
        }
        guard let base = head.rollout.base, base != head.version || known.halted else {
            throw ControlError(
                .notFound, "it is not known what \(channel.text) named before",
                hint: "Name it: `shoal promote \(channel.model)@VERSION --channel \(channel.channel)`.")
        }
        return base
    }

    private func liftHalt() async throws {
        _ = try await DenyMove(
            question: DraftDeny(model: channel.model.text, channel: channel.channel.text), state: .lifted,
            agent: agent, keys: keyOptions
        ).run()
    }
}
