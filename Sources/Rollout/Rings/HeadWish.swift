public import Manifest
public import Units

/// What a head wants of one node.
public enum HeadWish: Hashable, Sendable {
    /// It runs this version.
    case run(Digest)
    /// It stays with what it runs.
    case stay

    fileprivate init(_ base: Digest?) { self = base.map { .run($0) } ?? .stay }
}

extension Head {
    /// Which version a node runs: the rules of `documents.md`, section 6, in their order.
    /// - Parameter isHalted: whether the channel is denied.
    public func wish(of place: NodePlace, isHalted: Bool, now: WallTime) -> HeadWish {
        if let pinned = place.pinned(in: rollout) { return .run(pinned) }
        if isHalted { return HeadWish(rollout.base) }
        let mayFlip = rollout.flipAt.map { $0 <= now } ?? true
        if rollout.rings.isEmpty { return mayFlip ? .run(version) : HeadWish(rollout.base) }
        guard let ring = place.ring(in: rollout, for: version), ring < rollout.releasedCount else {
            return HeadWish(rollout.base)
        }
        let isLast = ring == rollout.releasedCount - 1
        return isLast && !mayFlip ? HeadWish(rollout.base) : .run(version)
    }

    /// The version that the head names, where the node may not run it now; it is not gone back to either.
    public func withheld(from place: NodePlace, isHalted: Bool, now: WallTime) -> Digest? {
        wish(of: place, isHalted: isHalted, now: now) == .run(version) ? nil : version
    }

    /// When `wish` may change though no document comes: at `flip at`, while that lies ahead.
    public func nextChange(after now: WallTime) -> WallTime? { rollout.flipAt.flatMap { $0 > now ? $0 : nil } }

    /// What a follower keeps here: what the head names, what it goes back to, and what pins keep the node on.
    /// - Parameter isHalted: whether the channel is denied; then the version is not fetched any more.
    public func versions(for place: NodePlace, isHalted: Bool) -> [Digest] {
        let pinned = place.pinned(in: rollout)
        let isLeftOut = !rollout.rings.isEmpty && place.ring(in: rollout, for: version) == nil
        let mayRunBase = rollout.isUnfinished || isHalted || isLeftOut || rollout.flipAt != nil
        return [isHalted ? nil : version, mayRunBase ? rollout.base : nil, pinned].compactMap(\.self)
    }
}
