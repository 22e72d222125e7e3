public import Units

/// Where a version is on its way from the disk to being served, as `shoal status` shows it.
public enum RolloutState: String, Hashable, Sendable {
    /// Not on disk.
    case waiting
    /// On disk; no inference process has it or is about to.
    case ready
    /// An inference process is loading it or switching to it.
    case loading
    /// At least one inference process serves it, by its own word.
    case serving
    /// The last attempt failed; `error(of:)` says why.
    case failed
}

/// What one inference process serves.
public struct RolloutServing: Hashable, Sendable {
    /// The process.
    public let instance: RolloutInstance
    /// The version.
    public let digest: Digest
    /// Its name, if this node knows the version.
    public let tag: Tag?
    /// When the process said so first, over this connection.
    public let since: Instant
}

extension Rollout {
    /// What each connected process serves, by its own word; in the order of their numbers.
    public var servings: [RolloutServing] {
        instances.keys.sorted().compactMap { id in
            guard let state = instances[id], let active = state.active else { return nil }
            return RolloutServing(instance: id, digest: active, tag: version(of: active)?.tag, since: state.activeSince)
        }
    }

    /// How many processes are connected.
    public var instanceCount: Int { instances.count }

    /// True if the version may not be switched to.
    public func isDenied(_ digest: Digest) -> Bool { denied.contains(digest) }

    /// Where the version is. O(number of instances).
    public func state(of digest: Digest) -> RolloutState {
        if instances.values.contains(where: { $0.active == digest }) { return .serving }
        if instances.values.contains(where: { $0.step.digest == digest && !$0.step.isAbandoned }) { return .loading }
        if failures[digest] != nil || obstructed(digest) != nil { return .failed }
        return onDisk[digest] == nil ? .waiting : .ready
    }

    /// Why the version is not served where it should be, or is served where it should not; nil if all is well.
    public func error(of digest: Digest) -> String? {
        if let failure = failures[digest] { return failure.reason }
        if denied.contains(digest) { return state(of: digest) == .serving ? "denied, but there is no other" : "denied" }
        if let instance = obstructed(digest) {
            return "\(instance) cannot load a version while it serves another: restart it to switch"
        }
        if let move = currentMove, move.target.digest == digest, current?.digest != digest { return move.reason }
        return nil
    }

    /// The first process that serves something else and cannot load this version beside it, though it should.
    private func obstructed(_ digest: Digest) -> RolloutInstance? {
        instances.keys.sorted().first { instances[$0]?.obstacle == digest }
    }
}
