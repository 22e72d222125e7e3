import OrderedCollections
public import Units
import Wire

/// Who is furthest behind, and why, as far as one node can see it.
extension Swarm {
    private static let stuckAfter = Duration.seconds(1)

    /// The neighbour that wants the version, and has announced the fewest chunks of it; of several the one that has
    /// announced nothing for longest. Nil if every neighbour has all that it wants.
    public func laggard(of version: Digest, now: Instant) -> LaggardReport? {
        guard let views = exchanges[version]?.views else { return nil }
        var last: (node: NodeID, count: Int, quiet: Duration)?
        for (node, view) in views where view.flags.contains(.wants) && !view.isComplete {
            let quiet = view.grewAt.map { max(.zero, now - $0) } ?? .zero
            if let last, (last.count, quiet) <= (view.count, last.quiet) { continue }
            last = (node, view.count, quiet)
        }
        guard let last, let neighbour = neighbours[last.node] else { return nil }
        return LaggardReport(
            node: last.node, chunkCount: last.count, quiet: last.quiet, cause: cause(of: neighbour, now: now))
    }

    private func cause(of neighbour: Neighbour, now: Instant) -> LaggardReport.Cause {
        let sending = uploads.filter { $0.key.neighbour == neighbour.node }.map { $0.value }
        if sending.contains(where: { $0.isLate || now - $0.lastMove >= Swarm.stuckAfter }) { return .itsLink }
        if !sending.isEmpty || !neighbour.queue.isEmpty {
            return takesSlowly(neighbour) ? .itsLink : .thisUplink
        }
        return neighbour.isSilent ? .silent : .elsewhere
    }

    /// Less than half of what is usual among those that this node sends to.
    private func takesSlowly(_ neighbour: Neighbour) -> Bool {
        guard let pace = neighbour.uploadPace else { return false }
        let others = neighbours.values.filter { $0.node != neighbour.node }.compactMap(\.uploadPace).sorted()
        return others.isEmpty ? false : pace * 2 < others[others.count / 2]
    }
}

extension Neighbour {
    /// All of a chunk was handed to its connection.
    mutating func noteUploaded(_ byteCount: Int, in duration: Duration) {
        let pace = Double(byteCount) / max(duration, .milliseconds(1)).inSeconds
        uploadPace = uploadPace.map { $0 * 0.75 + pace * 0.25 } ?? pace
    }
}
