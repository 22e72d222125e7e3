import ArgumentParser
import Control
import EventLoop
import Manifest
import Trust
import Units

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
            let draft = try await agent.ask(try question())
            if draft.denied == lift {
                let signed = try sign(draft)
                _ = try await agent.ask(SubmitDocument(document: Hex.encode(signed.encode())))
            }
            output.show(Report(subject: draft.subject, state: lift ? "lifted" : "denied")) { "\($0.state): \(subject)" }
        }
    }

    private func question() throws(ControlError) -> DraftDeny {
        guard subject.contains("@") else { return DraftDeny(node: subject, model: "", version: "") }
        guard let reference = ModelReference(argument: subject) else {
            throw ControlError(.wrongUsage, "\(subject) is neither a node nor MODEL@VERSION")
        }
        return DraftDeny(node: "", model: reference.model, version: try reference.requireVersion("deny"))
    }

    private func sign(_ draft: DraftDeny.Reply) throws -> SignedDocument {
        do {
            let desk = try PublisherDesk(
                rootEnvelope: Hex.decode(draft.root) ?? [],
                keys: try KeyFolder.open(try keyOptions.path(cluster: draft.cluster)))
            guard let cluster = ClusterID(hex: draft.cluster), let named = denySubject(draft) else {
                throw ControlError(.failed, "the agent's answer names no cluster or subject")
            }
            let record = try DenyRecord(
                cluster: cluster, rootVersion: draft.rootVersion, subject: named, state: lift ? .lifted : .denied,
                rank: Rank(epoch: draft.epoch, counter: draft.counter), issued: Clock.wallTime())
            return try desk.sign(record)
        } catch let error as TrustError {
            throw error.asControlError
        } catch let error as DocumentError {
            throw ControlError(.failed, "\(error)")
        }
    }

    private func denySubject(_ draft: DraftDeny.Reply) -> DenySubject? {
        if let node = NodeID(hex: draft.subject) { return .node(node) }
        guard let version = Digest(hex: draft.subject), let reference = ModelReference(argument: subject),
            let model = ModelName(reference.model)
        else { return nil }
        return .version(model, version)
    }
}
