internal import EventLoop
internal import Manifest
internal import Trust
internal import Units

/// Which channels this node follows, and which version each of its models should run.
@LoopActor
final class Channels {
    private let settings: SettingsFile
    private let trust: Trust

    init(settings: SettingsFile, trust: Trust) {
        self.settings = settings
        self.trust = trust
    }

    /// In order.
    var followed: [ModelChannel] { settings.value.followed }

    func follow(_ channel: ModelChannel, _ follow: Bool) async throws(TrustError) {
        try await settings.change { $0.set(channel, followed: follow) }
    }

    /// The channel that decides what a model runs here: stable if it is followed,
    /// else the first that is; nil if none is.
    func deciding(for model: ModelName) -> ModelChannel? {
        let channels = followed.filter { $0.model == model }
        return channels.first { $0.channel == .stable } ?? channels.first
    }

    /// What a followed channel names and nobody denied.
    func version(of channel: ModelChannel) -> Digest? {
        guard let head = trust.heads[channel], !trust.denyList.isDenied(channel),
            !trust.denyList.isDenied(head.value.version, of: channel.model)
        else { return nil }
        return head.value.version
    }

    /// Whether the channel's head is genuine under the newest root: to be asked before each switch.
    func mayMove(_ channel: ModelChannel) -> Bool {
        guard let head = trust.heads[channel] else { return false }
        // One of the newest root was judged under it when it came.
        return head.value.rootVersion == trust.root.value.version || trust.isStillEntitled(head)
    }

    /// The digests that followed channels name, with their models.
    var wanted: [(model: ModelName, version: Digest)] {
        followed.compactMap { channel in version(of: channel).map { (channel.model, $0) } }
    }
}
