import Control
import EventLoop
import Manifest
import Trust
import Units

/// Moving a channel: the agent says what the next head must hold, the command signs it, the agent keeps and spreads it.
struct HeadMove {
    let model: ModelName
    /// A tag or a digest.
    let version: String
    let channel: ChannelName
    let agent: StateOptions
    let keys: KeyOptions

    /// - Returns: false if no key here may promote, and `requiringKey` is off.
    func run(requiringKey: Bool) async throws -> Bool {
        let draft = try await agent.ask(DraftHead(model: model.text, version: version, channel: channel.text))
        guard !draft.alreadyThere else { return true }
        guard let signed = try sign(draft, requiringKey: requiringKey) else { return false }
        _ = try await agent.ask(SubmitDocument(document: Hex.encode(signed.encode())))
        return true
    }

    private func sign(_ draft: DraftHead.Reply, requiringKey: Bool) throws -> SignedDocument? {
        do {
            let desk = try PublisherDesk(
                rootEnvelope: Hex.decode(draft.root) ?? [],
                keys: try KeyFolder.open(try keys.path(cluster: draft.cluster)))
            guard requiringKey || desk.may(.promote, for: model) else { return nil }
            guard let cluster = ClusterID(hex: draft.cluster), let digest = Digest(hex: draft.version) else {
                throw ControlError(.failed, "the agent's answer names no cluster or version")
            }
            let now = Clock.wallTime()
            let head = try Head(
                cluster: cluster, rootVersion: draft.rootVersion, channel: ModelChannel(model: model, channel: channel),
                rank: Rank(epoch: draft.epoch, counter: draft.counter), version: digest, issued: now,
                expires: now + .seconds(Limits.headLifetimeSeconds))
            return try desk.sign(head)
        } catch let error as TrustError {
            throw error.asControlError
        } catch let error as DocumentError {
            throw ControlError(.failed, "\(error)")
        }
    }
}
