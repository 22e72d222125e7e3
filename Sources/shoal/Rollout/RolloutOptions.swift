import ArgumentParser
import Control
import EventLoop
import FoundationEssentials
import Manifest
import Rollout
import Units

/// How a new version reaches the nodes.
struct RolloutOptions: ParsableArguments {
    @Flag(name: .long, help: "In rings: one node, then 10 % of them, 50 %, all; `shoal rollout run` moves it on.")
    var rollout = false
    @Option(
        name: .long,
        help: ArgumentHelp(
            """
            A ring of your own, once for each: one, 10%, all, KEY=VALUE or KEY=VALUE:50%, by labels (node=NAME is one \
            too). +5m behind it is how long the ring before has to have served well.
            """, valueName: "ring"))
    var ring: [RingSpec] = []
    @Option(name: .long, help: ArgumentHelp("The wait between rings that name none.", valueName: "duration"))
    var wait = "1m"
    @Option(name: .long, help: ArgumentHelp("Of a ring's nodes: more failures halt the rollout.", valueName: "share"))
    var haltShare = "5%"
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Followers that must report before a ring is let go; all that do now, without it.", valueName: "count"))
    var expect: UInt32?
    @Option(
        name: .long,
        help: ArgumentHelp(
            "All nodes that may switch do so at one instant: a date like 2026-12-01T03:00:00Z, or +30s.",
            valueName: "time"))
    var flipAt: String?

    /// Whether rings were asked for.
    var hasRings: Bool { rollout || !ring.isEmpty }

    /// The plan for a version that goes out in rings.
    func plan(on ground: HeadMove.Ground, _ members: [FleetMember]) throws(ControlError) -> RolloutPlan {
        guard let share = haltShare == "0%" ? 0 : RingSpec.share(haltShare) else {
            throw ControlError(.wrongUsage, "--halt-share is a share such as 5%, not \(haltShare)")
        }
        guard let wait = Duration(parsing: wait) else {
            throw ControlError(.wrongUsage, "--wait is a time, not \(self.wait)", hint: "For example 90s, 30m or 8h.")
        }
        let specs = ring.isEmpty ? RingSpec.usual : ring
        guard specs.count <= Limits.ringCountMax else {
            throw ControlError(.wrongUsage, "at most \(Limits.ringCountMax) rings")
        }
        let seconds = UInt32(clamping: wait.components.seconds)
        let plan = RolloutPlan(
            haltSharePerMille: share, flipAt: try flipTime(), base: ground.base,
            expectedCount: expect ?? UInt32(members.count(where: \.isReporting)),
            rings: try specs.rings(
                wait: seconds, for: ground.version, among: members.filter { !$0.isPinned(in: ground.head) }),
            releasedCount: 1,
            pins: ground.head?.rollout.pins ?? [])
        // It would wait for somebody to serve the version, and nobody could.
        guard members.contains(where: { !$0.isPinned(in: ground.head) && $0.isIn(ring: 0, of: plan, ground.version) })
        else {
            throw ControlError(
                .notFound, "no follower that reports is in the first ring",
                hint: "`shoal nodes` shows them and their labels; `--ring one` takes one of them.")
        }
        return plan
    }

    /// When all switch; nil for at once.
    func flipTime() throws(ControlError) -> WallTime? {
        guard let flipAt else { return nil }
        if flipAt.hasPrefix("+"), let pause = Duration(parsing: String(flipAt.dropFirst())) {
            return Clock.wallTime() + pause
        }
        guard let date = try? Date(flipAt, strategy: .iso8601) else {
            throw ControlError(
                .wrongUsage, "--flip-at is a date or a time from now, not \(flipAt)",
                hint: "For example 2026-12-01T03:00:00Z, or +30s.")
        }
        return WallTime(secondsSince1970: Int64(date.timeIntervalSince1970.rounded(.up)))
    }
}

extension FleetMember {
    fileprivate func isIn(ring: Int, of plan: RolloutPlan, _ version: Digest) -> Bool {
        isReporting && place.ring(in: plan, for: version) == ring
    }

    fileprivate func isPinned(in head: Head?) -> Bool { head.map { place.pinned(in: $0.rollout) != nil } ?? false }
}

extension GetRollout.Reply {
    /// The followers, as the controller takes them.
    var fleet: [FleetMember] {
        members.compactMap { member in
            guard let node = NodeID(hex: member.id) else { return nil }
            return FleetMember(
                place: NodePlace(node: node, name: member.name, labels: member.labels),
                isReporting: member.reporting, served: Digest(hex: member.served), isProven: member.proven,
                failed: Digest(hex: member.failed))
        }
    }
}
