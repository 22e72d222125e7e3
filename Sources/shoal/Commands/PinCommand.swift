import ArgumentParser
import Control
import Manifest
import Units

struct PinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pin",
        abstract: "Keep some nodes of a channel on a version, whatever it names; --remove lets them follow again.",
        discussion: "Signs the channel's next head: it names the same version, and the pins go with it.")

    @Argument(help: ArgumentHelp("MODEL@VERSION; with --remove MODEL.", valueName: "version"))
    var reference: ModelReference
    @Option(
        name: .long,
        help: ArgumentHelp("Which nodes: node=NAME, or labels such as rack=a,role=test.", valueName: "selector"))
    var on: Selector
    @Option(name: .long, help: ArgumentHelp("The channel.", valueName: "name")) var channel = "stable"
    @Flag(name: .long, help: "Take the pin of this selector away.") var remove = false
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.pin/1"
        let model: String
        let channel: String
        let selector: String
        let version: String?
    }

    func run() async throws {
        try await output.reporting {
            guard let model = ModelName(reference.model), let name = ChannelName(channel) else {
                throw ControlError(.wrongUsage, "\(channel) is no channel")
            }
            let known = try await agent.ask(GetRollout(model: model.text, channel: name.text))
            guard let head = try Head(hex: known.head) else {
                throw ControlError(
                    .notFound, "\(model):\(name) names no version yet", hint: "`shoal promote` gives it one.")
            }
            let pinned = try await pinned()
            _ = try await HeadMove(
                model: model, version: head.version.hex, channel: name, agent: agent, keys: keyOptions
            )
            .run(requiringKey: true) { ground in
                try ground.require(head)
                return try plan(head, pinned)
            }
            let report = Report(
                model: model.text, channel: name.text, selector: on.text, version: remove ? nil : reference.version)
            output.show(report) {
                $0.version.map { "\(on.text) stays on \($0)" } ?? "\(on.text) follows \(model):\(name) again"
            }
        }
    }

    /// What the nodes are to run; nil with `--remove`.
    private func pinned() async throws -> Digest? {
        guard !remove else { return nil }
        let version = try reference.requireVersion("pin")
        let shown = try await agent.ask(ShowVersion(model: reference.model, version: version, channel: nil))
        guard let digest = Digest(hex: shown.summary.version) else {
            throw ControlError(.failed, "the agent's answer names no version")
        }
        return digest
    }

    private func plan(_ head: Head, _ pinned: Digest?) throws(ControlError) -> RolloutPlan? {
        let others = head.rollout.pins.filter { $0.selector != on.text }
        guard let pinned else {
            guard others.count < head.rollout.pins.count else {
                throw ControlError(.notFound, "nothing is pinned on \(on.text)")
            }
            return head.rollout.with(pins: others)
        }
        guard others.count < Limits.pinCountMax else {
            throw ControlError(.failed, "a channel has at most \(Limits.pinCountMax) pins", hint: "Remove one first.")
        }
        let plan = head.rollout.with(pins: others + [Pin(selector: on.text, version: pinned)])
        return plan == head.rollout ? nil : plan
    }
}
