import ArgumentParser
import Control
import Manifest
import Units

struct PromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Move a channel to a version, forward or back: at once, or in rings.",
        discussion: "Takes the newest head from the neighbours first. Exits with 75 if somebody else was faster.")

    @Argument(help: ArgumentHelp("MODEL@VERSION.", valueName: "version")) var reference: ModelReference
    @Option(name: .long, help: ArgumentHelp("The channel to move.", valueName: "name")) var channel = "stable"
    @OptionGroup(title: "Rollout") var rollout: RolloutOptions
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.promote/1"
        let model: String
        let version: String
        let channel: String
        let rings: Int
    }

    func run() async throws {
        try await output.reporting {
            let version = try reference.requireVersion("promote")
            guard let model = ModelName(reference.model), let name = ChannelName(channel) else {
                throw ControlError(.wrongUsage, "\(channel) is no channel")
            }
            var ringCount = 0
            _ = try await HeadMove(model: model, version: version, channel: name, agent: agent, keys: keyOptions)
                .run(requiringKey: true) { ground in
                    try ground.requireRunning(name, of: model)
                    guard rollout.hasRings else { return ground.planForAll(flipAt: try rollout.flipTime()) }
                    try requireAnother(than: ground.head, ground)
                    let known = try await agent.ask(GetRollout(model: model.text, channel: name.text))
                    let plan = try rollout.plan(on: ground, known.fleet)
                    ringCount = plan.rings.count
                    return plan
                }
            show(Report(model: reference.model, version: version, channel: channel, rings: ringCount))
        }
    }

    /// A version that the nodes run, or are on their way to, is not begun anew: most would go back first.
    private func requireAnother(than head: Head?, _ ground: HeadMove.Ground) throws(ControlError) {
        guard head?.version == ground.version else { return }
        let state = ground.isPending ? "is on its way" : "is what \(reference.model):\(channel) names"
        throw ControlError(
            .notAllowed, "\(reference.model)@\(ground.draft.tag) \(state) already",
            hint: "`shoal rollout status \(reference.model):\(channel)` shows how far it is.")
    }

    private func show(_ report: Report) {
        output.show(report) {
            let moved = "\($0.model):\($0.channel) names \($0.version)"
            guard $0.rings > 0 else { return moved }
            return
                "\(moved), in the first of \($0.rings) rings; `shoal rollout run \($0.model):\($0.channel)` moves it on"
        }
    }
}
