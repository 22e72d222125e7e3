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

    /// What the channel's newest head says, and what the next one must hold.
    struct Ground {
        let draft: DraftHead.Reply
        let head: Head?
        /// What the channel is to name.
        let version: Digest
    }

    /// Signs the next head with the plan that `plan` makes, and hands it to the agent. Nil from it: there is nothing to
    /// do.
    /// - Returns: false if no key here may promote, and `requiringKey` is off.
    func run(requiringKey: Bool, plan: (Ground) async throws -> RolloutPlan?) async throws -> Bool {
        let ground = try await ground()
        guard let plan = try await plan(ground) else { return true }
        guard let signed = try sign(ground, plan, requiringKey: requiringKey) else { return false }
        _ = try await agent.ask(SubmitDocument(document: Hex.encode(signed.encode())))
        return true
    }

    private func ground() async throws -> Ground {
        let draft = try await agent.ask(DraftHead(model: model.text, version: version, channel: channel.text))
        guard let version = Digest(hex: draft.version) else {
            throw ControlError(.failed, "the agent's answer names no version")
        }
        return Ground(draft: draft, head: try Head(hex: draft.head), version: version)
    }

    private func sign(_ ground: Ground, _ plan: RolloutPlan, requiringKey: Bool) throws -> SignedDocument? {
        let draft = ground.draft
        do {
            let desk = try keys.desk(root: draft.root, cluster: draft.cluster)
            guard requiringKey || desk.may(.promote, for: model) else { return nil }
            guard let cluster = ClusterID(hex: draft.cluster) else {
                throw ControlError(.failed, "the agent's answer names no cluster")
            }
            let now = Clock.wallTime()
            let head = try Head(
                cluster: cluster, rootVersion: draft.rootVersion, channel: ModelChannel(model: model, channel: channel),
                rank: Rank(epoch: draft.epoch, counter: draft.counter), version: ground.version, issued: now,
                expires: now + .seconds(Limits.headLifetimeSeconds), rollout: plan)
            return try desk.sign(head)
        } catch let error as TrustError {
            throw error.asControlError
        } catch let error as DocumentError {
            throw ControlError(.failed, "\(error)")
        }
    }
}

extension HeadMove.Ground {
    /// Everybody at once, or nothing where the channel names the version already.
    func planForAll(flipAt: WallTime? = nil) -> RolloutPlan? {
        if draft.alreadyThere, flipAt == nil, !isPending { return nil }
        return RolloutPlan(flipAt: flipAt, base: base, pins: head?.rollout.pins ?? [])
    }

    /// What nodes run that do not run the new version yet: what all of them ran last.
    var base: Digest? {
        guard let head else { return nil }
        if head.version == version { return head.rollout.base }
        return isPending ? head.rollout.base : head.version
    }

    /// Whether the channel's nodes are on their way to what it names.
    var isPending: Bool { head?.rollout.isPending(at: Clock.wallTime()) ?? false }

    /// - Throws: try again, where the channel has another head by now than the one that was looked at.
    func require(_ seen: Head?) throws(ControlError) {
        guard head?.rank != seen?.rank else { return }
        throw ControlError(
            .tryAgain, "somebody moved the channel meanwhile", hint: "Look at `shoal list`, and try again.")
    }

    /// - Throws: not allowed, where the channel is halted.
    func requireRunning(_ channel: ChannelName, of model: ModelName) throws(ControlError) {
        guard draft.halted else { return }
        throw ControlError(
            .notAllowed, "\(model):\(channel) is halted",
            hint: "`shoal rollback \(model):\(channel)` goes back; `shoal halt \(model):\(channel) --lift` goes on.")
    }
}

extension Head {
    /// The head in an envelope that the agent gave; nil for none.
    init?(hex: String) throws(ControlError) {
        guard !hex.isEmpty else { return nil }
        do throws(DocumentError) {
            self = try Head(body: SignedDocument(decoding: Hex.decode(hex) ?? []).body)
        } catch {
            throw ControlError(.failed, "the agent's answer holds no head: \(error)")
        }
    }
}
