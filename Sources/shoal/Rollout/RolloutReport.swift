import Control
import Manifest
import Rollout
import Units

/// What `shoal rollout status` shows.
struct RolloutReport: Encodable {
    let schema = "shoal.rollout/1"
    let model: String
    let channel: String
    /// `none`, `running`, `complete` or `halted`.
    let state: String
    let version: VersionLabel
    let base: VersionLabel
    let rings: [RingRow]
    let nodes: [NodeRow]

    struct RingRow: Encodable {
        let ring: Int
        let selector: String
        let share: Double
        let released: Bool
        let members: Int
        let serving: Int
        let failed: Int
        let silent: Int
    }

    struct NodeRow: Encodable {
        let name: String
        let ring: Int?
        let pinned: Bool
        let served: VersionLabel
        let state: String
        let reason: String
    }

    init(_ reference: ChannelReference, _ known: GetRollout.Reply) throws(ControlError) {
        guard let head = try Head(hex: known.head) else {
            throw ControlError(.notFound, "\(reference.text) names no version yet")
        }
        func label(_ digest: Digest?) -> VersionLabel {
            digest.map { VersionLabel(digest: $0.hex, tag: known.tags[$0.hex] ?? "") } ?? .none
        }
        model = reference.model.text
        channel = reference.channel.text
        version = label(head.version)
        base = label(head.rollout.base)
        let tallies = RolloutController.tallies(of: head, known.fleet)
        state = Self.state(of: head, tallies, isHalted: known.halted)
        rings = zip(head.rollout.rings, tallies).enumerated().map { number, ring in
            RingRow(
                ring: number + 1, selector: ring.0.selector, share: Double(ring.0.sharePerMille) / 1_000,
                released: number < head.rollout.releasedCount, members: ring.1.memberCount,
                serving: ring.1.servingCount, failed: ring.1.failedCount, silent: ring.1.silentCount)
        }
        nodes = zip(known.members, known.fleet).map { row, member in
            NodeRow(
                name: row.name, ring: member.place.ring(in: head.rollout, for: head.version).map { $0 + 1 },
                pinned: member.place.pinned(in: head.rollout) != nil, served: label(member.served),
                state: Self.state(of: member, head.version), reason: row.reason)
        }
    }

    private static func state(of head: Head, _ tallies: [RingTally], isHalted: Bool) -> String {
        if isHalted { return "halted" }
        if head.rollout.rings.isEmpty { return "none" }
        let isServed = tallies.allSatisfy { $0.servingCount + $0.failedCount == $0.memberCount }
        return head.rollout.isUnfinished || !isServed ? "running" : "complete"
    }

    private static func state(of member: FleetMember, _ version: Digest) -> String {
        if member.failed == version { return "failed" }
        if !member.isReporting { return "silent" }
        guard member.served == version else { return "waiting" }
        return member.isProven ? "serving" : "trial"
    }

    /// For people.
    var text: String {
        let names = "\(model):\(channel)  \(version.text)\(base.digest.isEmpty ? "" : ", before it \(base.text)")"
        let ringTable = Format.table(
            ["RING", "NODES", "STATE", "MEMBERS", "SERVING", "FAILED", "SILENT"],
            rings.map {
                [
                    "\($0.ring)", $0.selector.isEmpty ? "any" : $0.selector, $0.released ? "released" : "waits",
                    "\($0.members)", "\($0.serving)", "\($0.failed)", "\($0.silent)",
                ]
            })
        let nodeTable = Format.table(
            ["NODE", "RING", "SERVES", "STATE", "WHY"],
            nodes.map {
                [
                    $0.name, $0.pinned ? "pinned" : $0.ring.map(String.init) ?? "-", $0.served.text, $0.state,
                    Format.line($0.reason),
                ]
            })
        return ["\(names)  \(state)", rings.isEmpty ? "" : ringTable, nodeTable].filter { !$0.isEmpty }
            .joined(separator: "\n\n")
    }
}
