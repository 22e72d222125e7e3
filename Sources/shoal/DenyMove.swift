import Control
import EventLoop
import Manifest
import Trust
import Units

/// Denying something, or taking it back: the agent says what the next record must hold, the command signs it.
struct DenyMove {
    let question: DraftDeny
    let state: DenyRecord.State
    let agent: StateOptions
    let keys: KeyOptions

    /// - Returns: the subject as the agent names it.
    func run() async throws -> String {
        let draft = try await agent.ask(question)
        if draft.denied != (state == .denied) {
            let signed = try sign(draft)
            _ = try await agent.ask(SubmitDocument(document: Hex.encode(signed.encode())))
        }
        return draft.subject
    }

    private func sign(_ draft: DraftDeny.Reply) throws -> SignedDocument {
        do {
            let desk = try keys.desk(root: draft.root, cluster: draft.cluster)
            guard let cluster = ClusterID(hex: draft.cluster), let named = subject(of: draft) else {
                throw ControlError(.failed, "the agent's answer names no cluster or subject")
            }
            let record = try DenyRecord(
                cluster: cluster, rootVersion: draft.rootVersion, subject: named, state: state,
                rank: Rank(epoch: draft.epoch, counter: draft.counter), issued: Clock.wallTime())
            return try desk.sign(record)
        } catch let error as TrustError {
            throw error.asControlError
        } catch let error as DocumentError {
            throw ControlError(.failed, "\(error)")
        }
    }

    private func subject(of draft: DraftDeny.Reply) -> DenySubject? {
        if let node = NodeID(hex: draft.subject) { return .node(node) }
        guard let model = ModelName(question.model) else { return nil }
        if let name = question.channel {
            return ChannelName(name).map { .channel(ModelChannel(model: model, channel: $0)) }
        }
        return Digest(hex: draft.subject).map { .version(model, $0) }
    }
}
