internal import EventLoop
internal import Manifest
internal import Trust
internal import Units

/// What a command means by a version.
enum VersionChoice: Sendable, Equatable {
    /// A tag, or eight or more hexadecimal digits of a digest.
    case named(String)
    /// Whatever a channel names.
    case channel(ChannelName)
}

/// Finds the manifest that a command means, among those that this node knows.
@LoopActor
struct VersionResolver {
    let trust: Trust

    enum Outcome: Sendable {
        case found(Verified<Manifest>)
        /// The channel names this digest, whose manifest is not here yet.
        case needsManifest(Digest)
        case unknown
        /// Two versions bear the tag, or begin with these digits.
        case ambiguous([Digest])
    }

    func resolve(_ model: ModelName, _ choice: VersionChoice) -> Outcome {
        switch choice {
        case .channel(let channel):
            guard let head = trust.heads[ModelChannel(model: model, channel: channel)] else { return .unknown }
            return trust.manifests[head.value.version].map { .found($0) } ?? .needsManifest(head.value.version)
        case .named(let text): return outcome(of: matches(model, text))
        }
    }

    /// Versions of a model, newest first.
    func versions(of model: ModelName) -> [Verified<Manifest>] {
        trust.manifests.values.filter { $0.value.model == model }
            .sorted { ($0.value.publishNumber, $0.digest) > ($1.value.publishNumber, $1.digest) }
    }

    /// Whether more than one living version bears this one's tag.
    func isAmbiguous(_ manifest: Verified<Manifest>) -> Bool {
        versions(of: manifest.value.model).contains {
            $0.value.tag == manifest.value.tag && $0.digest != manifest.digest
                && !trust.denyList.isDenied($0.digest, of: manifest.value.model)
        }
    }

    private func matches(_ model: ModelName, _ text: String) -> [Verified<Manifest>] {
        let known = versions(of: model)
        if let tag = Tag(text) {
            let bearing = known.filter { $0.value.tag == tag }
            let living = bearing.filter { !trust.denyList.isDenied($0.digest, of: model) }
            return living.isEmpty ? bearing : living
        }
        guard text.utf8.count >= 8 else { return [] }
        return known.filter { $0.digest.hex.hasPrefix(text.lowercased()) }
    }

    private func outcome(of found: [Verified<Manifest>]) -> Outcome {
        switch found.count {
        case 0: .unknown
        case 1: .found(found[0])
        default: .ambiguous(found.map(\.digest))
        }
    }
}
