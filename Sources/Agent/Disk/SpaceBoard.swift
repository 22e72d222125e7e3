internal import EventLoop
internal import Units
internal import Wire

/// What disks would still take: what this agent tells of its own, and what its neighbours told of theirs.
@LoopActor
final class SpaceBoard {
    /// What connected neighbours told last.
    private(set) var told: [NodeID: Space] = [:]
    private var own: Space?

    func note(_ space: Space, of node: NodeID) { told[node] = space }

    func forget(_ node: NodeID) { told[node] = nil }

    /// What a new neighbour is told; nil before the disk was looked at.
    var greeting: Message? { own.map { .space($0) } }

    /// The disk was looked at.
    /// - Returns: what the neighbours are to be told now; nil while little has changed.
    func update(_ byteCount: ByteCount, sharesBlocks: Bool) -> Message? {
        let now = Space(byteCount: UInt64(byteCount.value), sharesBlocks: sharesBlocks)
        guard own.map({ now.differs(from: $0) }) ?? true else { return nil }
        own = now
        return .space(now)
    }
}

extension Space {
    /// By a sixteenth, `Protocol/wire.md`, "Space".
    fileprivate func differs(from old: Space) -> Bool {
        let difference = max(byteCount, old.byteCount) - min(byteCount, old.byteCount)
        return difference > old.byteCount / 16 || sharesBlocks != old.sharesBlocks
    }
}
