public import Manifest
public import Units

/// A follower of the channel, by its own word.
public struct FleetMember: Hashable, Sendable {
    /// Who it is.
    public let place: NodePlace
    /// Whether it has reported lately.
    public let isReporting: Bool
    /// What it serves, as observed there.
    public let served: Digest?
    /// Whether what it serves has stood its trial there.
    public let isProven: Bool
    /// What failed there last.
    public let failed: Digest?

    /// A row of the fleet's state.
    public init(place: NodePlace, isReporting: Bool, served: Digest?, isProven: Bool, failed: Digest?) {
        self.place = place
        self.isReporting = isReporting
        self.served = served
        self.isProven = isProven
        self.failed = failed
    }
}

/// How one ring fares.
public struct RingTally: Hashable, Sendable {
    /// Followers in it that no pin holds back.
    public var memberCount = 0
    /// Of these, how many serve the version, with their trial behind them.
    public var servingCount = 0
    /// Of these, how many set it aside.
    public var failedCount = 0
    /// Of these, how many have not reported lately.
    public var silentCount = 0

    /// Nothing counted yet.
    public init() {}

    /// Whether more failed than may.
    func isFailed(haltShare: UInt16) -> Bool { failedCount * Int(Limits.perMilleMax) > memberCount * Int(haltShare) }

    /// Whether all serve but those that may fail.
    func isServing(haltShare: UInt16) -> Bool {
        (memberCount - servingCount) * Int(Limits.perMilleMax) <= memberCount * Int(haltShare)
    }
}

/// What is to be done next about a rollout.
public enum RolloutStep: Hashable, Sendable {
    /// Nothing yet; what is waited for.
    case wait(String)
    /// Let the next ring switch.
    case releaseNext
    /// Stop it; why.
    case halt(String)
    /// All rings serve the version.
    case done
}

/// Moves a rollout from ring to ring: `documents.md`, section 6. It keeps nothing that matters: another one, started
/// anew anywhere, goes on where the head stands, and only waits longer.
public struct RolloutController: Sendable {
    /// Since when the released rings have served, and for which head.
    private var serving: (rank: Rank, since: Instant)?

    /// Nothing seen yet.
    public init() {}

    /// How the rings of a head fare.
    public static func tallies(of head: Head, _ members: [FleetMember]) -> [RingTally] {
        var tallies = head.rollout.rings.map { _ in RingTally() }
        for member in members where member.place.pinned(in: head.rollout) == nil {
            guard let ring = member.place.ring(in: head.rollout, for: head.version) else { continue }
            tallies[ring].memberCount += 1
            if member.failed == head.version {
                tallies[ring].failedCount += 1
            } else if !member.isReporting {
                tallies[ring].silentCount += 1
            } else if member.served == head.version, member.isProven {
                tallies[ring].servingCount += 1
            }
        }
        return tallies
    }

    /// Looks at what the followers report.
    public mutating func step(_ head: Head, _ members: [FleetMember], now: Instant) -> RolloutStep {
        let (plan, tallies) = (head.rollout, Self.tallies(of: head, members))
        for (ring, tally) in tallies.enumerated() where tally.isFailed(haltShare: plan.haltSharePerMille) {
            return .halt("\(tally.failedCount) of \(tally.memberCount) nodes of ring \(ring + 1) set it aside")
        }
        if members.count < plan.expectedCount {
            serving = nil
            return .wait("\(members.count) of \(plan.expectedCount) followers have reported")
        }
        let released = tallies.prefix(plan.releasedCount)
        if let ring = released.firstIndex(where: { !$0.isServing(haltShare: plan.haltSharePerMille) }) {
            serving = nil
            return .wait(Self.words(for: tallies[ring], ring: ring))
        }
        // Rings in which nobody is say nothing about the version.
        if !released.isEmpty, released.allSatisfy({ $0.servingCount == 0 }) {
            serving = nil
            return .wait("no node of the rings that may switch serves it")
        }
        guard plan.isUnfinished else { return .done }
        return waitThenRelease(head, now: now)
    }

    private mutating func waitThenRelease(_ head: Head, now: Instant) -> RolloutStep {
        let since = serving?.rank == head.rank ? serving?.since ?? now : now
        serving = (head.rank, since)
        let plan = head.rollout
        let wait = plan.releasedCount == 0 ? .zero : Duration.seconds(Int64(plan.rings[plan.releasedCount].waitSeconds))
        guard now - since < wait else { return .releaseNext }
        return .wait("\(Int((wait - (now - since)).inSeconds.rounded(.up))) s until ring \(plan.releasedCount + 1)")
    }

    private static func words(for tally: RingTally, ring: Int) -> String {
        let silent = tally.silentCount == 0 ? "" : ", \(tally.silentCount) have not reported lately"
        return "\(tally.servingCount) of \(tally.memberCount) nodes of ring \(ring + 1) serve it\(silent)"
    }
}
