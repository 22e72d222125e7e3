import Swarm
import Units
import Wire

/// What must be true of every agent whatever happens.
public struct Violation: Sendable, Equatable, CustomStringConvertible {
    /// Which rule.
    public enum Kind: String, Sendable, CaseIterable {
        /// A chunk was taken, or served, that was not asked for or not stored.
        case unasked = "unasked-chunk"
        /// A chunk with wrong bytes was stored.
        case damaged = "damaged-chunk"
        /// A chunk was stored twice.
        case twice = "stored-twice"
        /// A request was neither answered nor given up.
        case unanswered = "unanswered-request"
        /// More memory than is allowed.
        case memory = "memory-bound"
        /// Completion was said too early.
        case incomplete = "incomplete"
        /// A node that did nothing wrong was blamed.
        case blame = "wrong-blame"
        /// A node did not get everything though nothing was in its way.
        case late = "not-complete"
        /// The seed sent, or a node received, far more than once.
        case copies = "too-many-copies"
    }

    /// Which rule.
    public let kind: Kind
    /// Whose agent broke it.
    public let node: Int
    /// When, since the clock's start.
    public let seconds: Double
    /// What was seen.
    public let detail: String

    /// For people.
    public var description: String { "\(kind.rawValue) at node \(node) after \(seconds) s: \(detail)" }
}

extension Shard {
    /// The core's own rules, and the bounds that cost a walk over the links.
    func check(_ node: SimulatedNode) {
        node.swarm.checkInvariants()
        if node.ledger.activeUploadCount > Limits.uploadCountMax {
            report(.memory, at: node, "\(node.ledger.activeUploadCount) uploads")
        }
        var unverified = 0
        for link in node.links where link.state == .open {
            for buffer in link.buffers.values { unverified += buffer.byteCount }
            let old = link.buffers.values.indices.filter {
                now - link.buffers.values[$0].openedAt > patience(for: link.buffers.values[$0].byteCount)
            }
            if let place = old.min(by: { link.buffers.keys[$0] < link.buffers.keys[$1] }) {
                let (number, buffer) = (link.buffers.keys[place], link.buffers.values[place])
                report(.unanswered, at: node, "request \(number) for chunk \(buffer.chunk) is open")
            }
            let backlog = Limits.controlBacklogByteCountMax + Limits.uploadReadByteCount
            if link.queue.count * 64 > Limits.controlBacklogByteCountMax || link.queuedByteCount > backlog {
                report(.memory, at: node, "\(link.queuedByteCount) bytes wait for one neighbour")
            }
        }
        if unverified > node.ledger.unverifiedByteCount {
            report(.memory, at: node, "\(unverified) bytes in buffers, \(node.ledger.unverifiedByteCount) counted")
        }
    }

    /// After that a request must have been given up: a minute, and as long as a chunk may drip, where the source is
    /// given more time than usual.
    private func patience(for byteCount: Int) -> Nanoseconds {
        let strides = Double(byteCount) / Double(Limits.strideByteCount) + 1
        let factor = Double(1 << Limits.patienceDoublingCountMax)
        return Nanoseconds(seconds: factor * (60 + strides * Limits.strideDuration.inSeconds))
    }

    /// Whether the node may be blamed for that. Whoever does nothing wrong may only be called slow.
    func judge(_ reason: GoodbyeCode, of other: NodeID, at node: SimulatedNode) {
        if reason == .stalled || !reason.setsAside { return }
        let culprit = setting.profiles.first { $0.id == other }
        if reason == .badChunk, let culprit, culprit.damageInterval > 0 { return }
        report(.blame, at: node, "node \(culprit?.index ?? -1) is disconnected as \(reason)")
    }
}
