internal import EventLoop
internal import Manifest
internal import Rollout
internal import Trust
internal import Units

/// Which channels this node follows, and which version each of its models should run.
@LoopActor
final class Channels {
    private let settings: SettingsFile
    private let trust: Trust
    /// This node, as rings and pins see it.
    private let place: NodePlace

    init(settings: SettingsFile, trust: Trust, labels: [String: String]) {
        self.settings = settings
        self.trust = trust
        place = NodePlace(node: trust.identity.node, name: trust.identity.name.text, labels: labels)
    }

    /// In order.
    var followed: [ModelChannel] { settings.value.followed }

    func follow(_ channel: ModelChannel, _ follow: Bool) async throws(TrustError) {
        try await settings.change { $0.set(channel, followed: follow) }
    }

    /// The channel that decides what a model runs here; nil if none is followed.
    func deciding(for model: ModelName) -> ModelChannel? { followed.deciding(for: model) }

    /// What a channel wants this node to run; nil if nothing is known of it, or if that version is denied.
    func wish(of channel: ModelChannel) -> HeadWish? {
        guard let head = trust.heads[channel]?.value else { return nil }
        switch head.wish(of: place, isHalted: isStopped(head), now: Clock.wallTime()) {
        case .run(let version): return trust.denyList.isDenied(version, of: channel.model) ? nil : .run(version)
        case .stay: return .stay
        }
    }

    /// What a channel's head goes back to, and what it names that this node may not run now.
    func guide(of channel: ModelChannel) -> (base: Digest?, withheld: Digest?) {
        guard let head = trust.heads[channel]?.value else { return (nil, nil) }
        return (head.rollout.base, head.withheld(from: place, isHalted: isStopped(head), now: Clock.wallTime()))
    }

    /// Whether nodes go back to what the channel named before: it is halted, or what it names is denied.
    private func isStopped(_ head: Head) -> Bool {
        trust.denyList.isDenied(head.channel) || trust.denyList.isDenied(head.version, of: head.channel.model)
    }

    /// When a channel may want something else though no document comes.
    func nextChange(of model: ModelName) -> WallTime? {
        followed.filter { $0.model == model }.compactMap { trust.heads[$0]?.value.nextChange(after: Clock.wallTime()) }
            .min()
    }

    /// Whether the channel's head is genuine under the newest root: to be asked before each switch.
    func mayMove(_ channel: ModelChannel) -> Bool {
        guard let head = trust.heads[channel] else { return false }
        // One of the newest root was judged under it when it came.
        return head.value.rootVersion == trust.root.value.version || trust.isStillEntitled(head)
    }

    /// What a follower of the channel keeps here, but for what is denied.
    func versions(of channel: ModelChannel) -> [Digest] {
        guard let head = trust.heads[channel]?.value else { return [] }
        return head.versions(for: place, isHalted: isStopped(head)).filter {
            !trust.denyList.isDenied($0, of: channel.model)
        }
    }

    /// The digests that followed channels name, with their models.
    var wanted: [(model: ModelName, version: Digest)] {
        followed.flatMap { channel in versions(of: channel).map { (channel.model, $0) } }
    }

    /// Whether a version is what a halted rollout would have brought, and no other channel that is followed here names
    /// it.
    func isHalted(_ version: Digest, of model: ModelName) -> Bool {
        let naming = trust.heads.filter { $0.key.model == model && $0.value.value.version == version }.map(\.key)
        let (halted, running) = (naming.filter(trust.denyList.isDenied), naming.filter { !trust.denyList.isDenied($0) })
        return !halted.isEmpty && !running.contains(where: followed.contains)
    }
}
