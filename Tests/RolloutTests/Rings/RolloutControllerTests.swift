import Manifest
import Rollout
import Testing
import Units

@Suite struct RolloutControllerTests {
    private let rings = [Fleets.ring("ring=1"), Fleets.ring("ring=2", wait: 60), Fleets.ring("")]

    private func plan(_ released: Int, halt: UInt16 = 0, expected: UInt32 = 0) -> RolloutPlan {
        RolloutPlan(
            haltSharePerMille: halt, base: Fleets.version(1), expectedCount: expected, rings: rings,
            releasedCount: released)
    }

    private func member(
        _ number: Int, ring: Int, serves byte: UInt8 = 1, isProven: Bool = true, failed: UInt8? = nil,
        isReporting: Bool = true
    ) -> FleetMember {
        Fleets.member(
            number, serves: byte, isProven: isProven, failed: failed, isReporting: isReporting,
            labels: ["ring": "\(ring)"])
    }

    private func step(_ plan: RolloutPlan, _ members: [FleetMember], at seconds: Int64 = 0) -> RolloutStep {
        var controller = RolloutController()
        return controller.step(Fleets.head(plan), members, now: .zero + .seconds(seconds))
    }

    private func isWaiting(_ step: RolloutStep) -> Bool { if case .wait = step { true } else { false } }
    private func isHalting(_ step: RolloutStep) -> Bool { if case .halt = step { true } else { false } }

    @Test func theFirstRingIsReleasedAtOnce() {
        #expect(step(plan(0), [member(1, ring: 1)]) == .releaseNext)
    }

    @Test func theNextRingWaits_untilTheOneBeforeHasServedForSoLong() {
        var controller = RolloutController()
        let (head, serving) = (Fleets.head(plan(1)), [member(1, ring: 1, serves: 2), member(2, ring: 2)])
        func step(_ members: [FleetMember], _ seconds: Int64) -> RolloutStep {
            controller.step(head, members, now: .zero + .seconds(seconds))
        }
        #expect(isWaiting(step([member(1, ring: 1), member(2, ring: 2)], 0)))
        #expect(isWaiting(step(serving, 10)))
        #expect(isWaiting(step(serving, 69)))
        #expect(step(serving, 70) == .releaseNext)
    }

    @Test func whatStopsServingBeginsItsWaitAnew() {
        var controller = RolloutController()
        let head = Fleets.head(plan(1))
        let (well, ill) = ([member(1, ring: 1, serves: 2)], [member(1, ring: 1, serves: 2, isReporting: false)])
        #expect(isWaiting(controller.step(head, well, now: .zero)))
        #expect(isWaiting(controller.step(head, ill, now: .zero + .seconds(50))))
        #expect(isWaiting(controller.step(head, well, now: .zero + .seconds(61))))
        #expect(controller.step(head, well, now: .zero + .seconds(121)) == .releaseNext)
    }

    @Test func aTrialIsNotServingYet() {
        #expect(
            isWaiting(step(plan(2), [member(1, ring: 1, serves: 2), member(2, ring: 2, serves: 2, isProven: false)])))
        #expect(step(plan(2), [member(1, ring: 1, serves: 2), member(2, ring: 2, serves: 2)]) == .releaseNext)
    }

    @Test func silentNodesCountAgainstTheRing() {
        let silent = (1...10).map { member($0, ring: 1, serves: 2, isReporting: $0 != 3) }
        #expect(isWaiting(step(plan(1), silent)))
        #expect(isWaiting(step(plan(1, halt: 99), silent)))
        let within = plan(1, halt: 100)
        #expect(!isHalting(step(within, silent)))
        var controller = RolloutController()
        _ = controller.step(Fleets.head(within), silent, now: .zero)
        #expect(controller.step(Fleets.head(within), silent, now: .zero + .seconds(60)) == .releaseNext)
    }

    @Test func moreFailuresThanTheShareHalt_inAnyRing() {
        let one = [member(1, ring: 1, serves: 2), member(2, ring: 2, failed: 2), member(3, ring: 2, serves: 2)]
        #expect(isHalting(step(plan(2), one)))
        #expect(isHalting(step(plan(2, halt: 499), one)))
        #expect(!isHalting(step(plan(2, halt: 500), one)))
        // Another version that failed once says nothing about this one.
        #expect(!isHalting(step(plan(2), [member(2, ring: 2, failed: 9)])))
    }

    @Test func theExpectedFollowersHaveToBeThere() {
        let serving = [member(1, ring: 1, serves: 2)]
        #expect(isWaiting(step(plan(0, expected: 2), serving)))
        #expect(step(plan(0, expected: 1), serving) == .releaseNext)
    }

    @Test func aPinnedNodeIsNoMember() {
        let pinned = RolloutPlan(
            base: Fleets.version(1), rings: [Fleets.ring("")], releasedCount: 1,
            pins: [Pin(selector: "node=node-2", version: Fleets.version(1))])
        #expect(step(pinned, [member(1, ring: 0, serves: 2), member(2, ring: 0)]) == .done)
    }

    /// Whoever sees nobody must not take that for a good sign: an agent that was started anew, cut off from the others.
    @Test func ringsInWhichNobodyIs_moveNothingOn() {
        #expect(isWaiting(step(plan(1), [])))
        #expect(isWaiting(step(plan(3), [])))
        #expect(isWaiting(step(plan(1), [member(2, ring: 2)])))
        // One empty ring among others is no obstacle.
        #expect(!isWaiting(step(plan(2), [member(2, ring: 2, serves: 2)])))
    }

    @Test func allRingsServing_isTheEnd() {
        let all = [member(1, ring: 1, serves: 2), member(2, ring: 2, serves: 2), member(3, ring: 3, serves: 2)]
        #expect(step(plan(3), all) == .done)
        #expect(isWaiting(step(plan(3), Array(all.prefix(2)) + [member(3, ring: 3)])))
    }

    @Test func anotherController_goesOnWhereTheHeadStands() {
        let serving = [member(1, ring: 1, serves: 2), member(2, ring: 2, serves: 2)]
        #expect(step(plan(2), serving) == .releaseNext)
    }
}
