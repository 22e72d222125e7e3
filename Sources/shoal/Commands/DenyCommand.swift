import ArgumentParser
import Control
import Manifest

struct DenyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny",
        abstract: "Shut a node out of the cluster, or stop a version; take it back with --lift.",
        discussion: "Reaches every connected agent, and cuts the node's connections, within 10 s.")

    @Argument(help: ArgumentHelp("A node's name or id, or MODEL@VERSION.", valueName: "subject")) var subject: String
    @Flag(name: .long, help: "Take the denial back.") var lift = false
    @OptionGroup var keyOptions: KeyOptions
    @OptionGroup var output: JSONOption
    @OptionGroup var agent: StateOptions

    private struct Report: Encodable {
        let schema = "shoal.deny/1"
        let subject: String
        let state: String
    }

    func run() async throws {
        try await output.reporting {
            let named = try await DenyMove(
                question: try question(), state: lift ? .lifted : .denied, agent: agent, keys: keyOptions
            ).run()
            output.show(Report(subject: named, state: lift ? "lifted" : "denied")) { "\($0.state): \(subject)" }
        }
    }

    private func question() throws(ControlError) -> DraftDeny {
        guard subject.contains("@") else { return DraftDeny(node: subject) }
        guard let reference = ModelReference(argument: subject) else {
            throw ControlError(.wrongUsage, "\(subject) is neither a node nor MODEL@VERSION")
        }
        return DraftDeny(model: reference.model, version: try reference.requireVersion("deny"))
    }
}
