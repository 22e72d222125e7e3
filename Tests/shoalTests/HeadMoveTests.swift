import Control
import EventLoop
import Manifest
import Testing
import Units

@testable import shoal

/// What nodes go back to, and whether there is anything to sign, by what the channel's newest head says.
@Suite struct HeadMoveTests {
    private static func digest(_ byte: UInt8) -> Digest { Digest(exactly: [UInt8](repeating: byte, count: 32)) }

    private static let first = digest(1)
    private static let second = digest(2)
    private static let ring = Ring(selector: "", sharePerMille: 500, waitSeconds: 60)
    private static let rest = Ring(selector: "", sharePerMille: 1_000, waitSeconds: 60)

    private func ground(naming version: Digest, after plan: RolloutPlan?) throws
        -> HeadMove.Ground
    {
        let model = try #require(ModelName("fish"))
        let channel = ModelChannel(model: model, channel: try #require(ChannelName("stable")))
        let now = Clock.wallTime()
        let head = try plan.map {
            try Head(
                cluster: ClusterID(exactly: [UInt8](repeating: 9, count: ClusterID.byteCount)), rootVersion: 1,
                channel: channel, rank: Rank(epoch: 1, counter: 1), version: Self.first, issued: now,
                expires: now + .seconds(1_000), rollout: $0)
        }
        let draft = DraftHead.Reply(
            cluster: "", root: "", rootVersion: 1, epoch: 1, counter: 2, version: version.hex, tag: "1",
            alreadyThere: head?.version == version, head: "", halted: false)
        return HeadMove.Ground(draft: draft, head: head, version: version)
    }

    @Test func theFirstVersionOfAChannelHasNothingToGoBackTo() throws {
        let ground = try ground(naming: Self.first, after: nil)
        #expect(ground.base == nil && !ground.isPending)
        #expect(ground.planForAll() == RolloutPlan.none)
    }

    @Test func whatAllNodesRunIsWhatTheyGoBackTo() throws {
        #expect(try ground(naming: Self.second, after: RolloutPlan.none).base == Self.first)
    }

    @Test func aVersionThatOnlySomeRingsRunIsNoneToGoBackTo() throws {
        let plan = RolloutPlan(base: Self.second, rings: [Self.ring, Self.rest], releasedCount: 1)
        let third = Self.digest(3)
        #expect(try ground(naming: third, after: plan).base == Self.second)
        let finished = RolloutPlan(base: Self.second, rings: [Self.ring, Self.rest], releasedCount: 2)
        #expect(try ground(naming: third, after: finished).base == Self.first)
    }

    @Test func aVersionWhoseFlipLiesAheadIsNoneToGoBackTo() throws {
        let ahead = RolloutPlan(flipAt: Clock.wallTime() + .seconds(600), base: Self.second)
        let third = Self.digest(3)
        #expect(try ground(naming: third, after: ahead).base == Self.second)
        let past = RolloutPlan(flipAt: Clock.wallTime() + .seconds(-600), base: Self.second)
        #expect(try ground(naming: third, after: past).base == Self.first)
    }

    @Test func theSameVersionAgainKeepsWhatItGoesBackTo() throws {
        let plan = RolloutPlan(base: Self.second)
        let ground = try ground(naming: Self.first, after: plan)
        #expect(ground.base == Self.second && ground.planForAll() == nil)
    }

    @Test func theSameVersionToAllEndsARollout() throws {
        let plan = RolloutPlan(base: Self.second, rings: [Self.ring, Self.rest], releasedCount: 1)
        #expect(try ground(naming: Self.first, after: plan).planForAll() == RolloutPlan(base: Self.second))
    }

    @Test func pinsStay() throws {
        let pin = Pin(selector: "rack=r1", version: Self.second)
        let ground = try ground(naming: Self.second, after: RolloutPlan(pins: [pin]))
        #expect(ground.planForAll()?.pins == [pin])
    }

    @Test func aChannelThatMovedSinceItWasLookedAtIsNotMovedAgain() throws {
        let ground = try ground(naming: Self.second, after: RolloutPlan.none)
        try ground.require(ground.head)
        #expect(throws: ControlError.self) { try ground.require(nil) }
    }
}
