public import Units

/// Where a version is on its way from the disk to being served, as `shoal status` shows it.
public enum RolloutState: String, Hashable, Sendable {
    /// Not on disk.
    case waiting
    /// On disk; no inference process has it or is about to.
    case ready
    /// An inference process is loading it or switching to it.
    case loading
    /// An inference process runs its calibration inputs.
    case checking
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
        // Of several processes the one that came first: no order of a dictionary may show.
        let steps = instances.keys.sorted().compactMap { instances[$0]?.step }
        if let step = steps.first(where: { $0.digest == digest && !$0.isAbandoned }) {
            if case .checking = step { return .checking }
            return .loading
        }
        if failures[digest] != nil || isSetAside(digest) || obstruction(of: digest) != nil { return .failed }
        return onDisk[digest] == nil ? .waiting : .ready
    }

    /// Why the version is not served where it should be, or is served where it should not; nil if all is well.
    public func error(of digest: Digest) -> String? {
        if let reason = trials.reason(of: digest) { return "\(reason); set aside, `shoal retry` tries it again" }
        if let failure = failures[digest] { return failure.reason }
        if denied.contains(digest) { return state(of: digest) == .serving ? "denied, but there is no other" : "denied" }
        if let obstruction = obstruction(of: digest) { return obstruction }
        if let move = currentMove, move.target.digest == digest, current?.digest != digest { return move.reason }
        return nil
    }

    /// Whether a process serves the version for the first time, and it is looked at; and until when.
    public func trialEnd(of digest: Digest) -> Instant? {
        instances.values.filter { $0.active == digest }.compactMap(\.trial?.until).max()
    }

    /// What is in the version's way though it has not failed.
    private func obstruction(of digest: Digest) -> String? {
        if let obstacle = onDisk[digest]?.trial.obstacle { return obstacle }
        for instance in instances.keys.sorted() {
            switch instances[instance]?.obstacle {
            case .beside(digest):
                return "\(instance) cannot load a version while it serves another: restart it to switch"
            case .calibration(digest): return "\(instance) cannot run calibrations: upgrade its hand-off client"
            case .beside, .calibration, nil: continue
            }
        }
        guard desired?.digest == digest, hasStoppedSwitching, let version = version(of: digest), isBarred(version)
        else { return nil }
        return "\(trials.failedInARow) versions failed one after the other: `shoal retry` lets the next one be tried"
    }
}
