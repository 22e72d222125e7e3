import Manifest
import Rollout
import Testing
import Units

/// The rules of `documents.md`, section 6, one by one.
@Suite struct HeadWishTests {
    private let now = WallTime(secondsSince1970: 1_500)
    private let later = WallTime(secondsSince1970: 1_600)
    private let base = Fleets.version(1)
    private let new = Fleets.version(2)

    private func wish(
        _ plan: RolloutPlan, _ place: NodePlace = Fleets.place(1), isHalted: Bool = false, at now: WallTime? = nil
    ) -> HeadWish {
        Fleets.head(plan).wish(of: place, isHalted: isHalted, now: now ?? self.now)
    }

    @Test func withoutRingsAllRunTheVersion() {
        #expect(wish(.none) == .run(new))
        #expect(wish(RolloutPlan(base: base)) == .run(new))
    }

    @Test func aHaltGoesBackToTheBase_orStaysWhereThereIsNone() {
        let rings = [Fleets.ring("")]
        #expect(wish(RolloutPlan(base: base, rings: rings, releasedCount: 1), isHalted: true) == .run(base))
        #expect(wish(RolloutPlan(base: base), isHalted: true) == .run(base))
        #expect(wish(RolloutPlan(rings: rings, releasedCount: 1), isHalted: true) == .stay)
    }

    @Test func onlyReleasedRingsRunTheVersion() {
        let rings = [Fleets.ring("rack=a"), Fleets.ring("rack=b"), Fleets.ring("")]
        func wishes(_ released: Int) -> [HeadWish] {
            ["a", "b", "c"].map {
                wish(
                    RolloutPlan(base: base, rings: rings, releasedCount: released),
                    Fleets.place(1, labels: ["rack": $0]))
            }
        }
        #expect(wishes(0) == [.run(base), .run(base), .run(base)])
        #expect(wishes(1) == [.run(new), .run(base), .run(base)])
        #expect(wishes(2) == [.run(new), .run(new), .run(base)])
        #expect(wishes(3) == [.run(new), .run(new), .run(new)])
    }

    @Test func whoIsInNoRingStaysWithTheBase() {
        let plan = RolloutPlan(base: base, rings: [Fleets.ring("rack=a")], releasedCount: 1)
        #expect(wish(plan) == .run(base))
        #expect(wish(RolloutPlan(rings: [Fleets.ring("rack=a")], releasedCount: 1)) == .stay)
    }

    @Test func aPinGoesBeforeEverything() {
        let pinned = Fleets.version(9)
        let pins = [Pin(selector: "node=node-1", version: pinned), Pin(selector: "rack=a", version: base)]
        let plan = RolloutPlan(base: base, rings: [Fleets.ring("")], releasedCount: 1, pins: pins)
        #expect(wish(plan, Fleets.place(1, labels: ["rack": "a"])) == .run(pinned))
        #expect(wish(plan, isHalted: true) == .run(pinned))
        #expect(wish(plan, Fleets.place(2)) == .run(new))
    }

    @Test func aFlipHoldsTheLastRingBack_untilItsTime() {
        let rings = [Fleets.ring("rack=a"), Fleets.ring("")]
        let plan = RolloutPlan(flipAt: later, base: base, rings: rings, releasedCount: 2)
        let earlier = Fleets.place(1, labels: ["rack": "a"])
        #expect(wish(plan, earlier) == .run(new))
        #expect(wish(plan, Fleets.place(2)) == .run(base))
        #expect(wish(plan, Fleets.place(2), at: later) == .run(new))
        #expect(wish(RolloutPlan(flipAt: later)) == .stay)
        #expect(Fleets.head(plan).nextChange(after: now) == later)
        #expect(Fleets.head(plan).nextChange(after: later) == nil)
    }

    @Test func sharesTakeAboutThatManyNodes_andOthersForTheNextVersion() {
        let rings = [Fleets.ring("", 100), Fleets.ring("", 500), Fleets.ring("", 1_000)]
        let plan = RolloutPlan(rings: rings)
        func first(_ byte: UInt8) -> Set<Int> {
            Set((0..<2_000).filter { Fleets.place($0).ring(in: plan, for: Fleets.version(byte)) == 0 })
        }
        #expect((150...250).contains(first(2).count))
        #expect(first(2) != first(0x80))
        let second = (0..<2_000).count { Fleets.place($0).ring(in: plan, for: Fleets.version(2)) == 1 }
        #expect((700...900).contains(second))
        #expect((0..<2_000).allSatisfy { Fleets.place($0).ring(in: plan, for: Fleets.version(2)) != nil })
    }

    /// The first words of node id and version, exclusive-or, against per mille: worked out by hand.
    @Test(arguments: [(0x00, 0, 1), (0x19, 97, 98), (0x80, 500, 501), (0xFF, 996, 997)] as [(UInt8, UInt16, UInt16)])
    func whereANodeStands(byte: UInt8, isOutside: UInt16, isInside: UInt16) {
        let place = NodePlace(
            node: NodeID(exactly: [byte] + Array(repeating: 0, count: 15)), name: "n", labels: [:])
        let version = Digest(exactly: Array(repeating: 0, count: 32))
        func isTaken(_ share: UInt16) -> Bool {
            place.ring(in: RolloutPlan(rings: [Fleets.ring("", share)]), for: version) == 0
        }
        #expect(!isTaken(isOutside))
        #expect(isTaken(isInside))
    }

    @Test(
        arguments: [
            ("", true), ("rack=a", true), ("rack=b", false), ("rack=a,role=test", true), ("rack=a,role=x", false),
            ("node=node-1", true), ("node=node-2", false), ("rack", false), ("=a", false), ("rack=a,", false),
            ("site=", false), ("empty=", true),
        ])
    func selectors(selector: String, isSelected: Bool) {
        let place = Fleets.place(1, labels: ["rack": "a", "role": "test", "empty": "", "node": "a-lie"])
        #expect(place.isSelected(by: selector) == isSelected)
    }

    @Test func aFollowerKeepsWhatItMayHaveToRun() {
        let plan = RolloutPlan(base: base, rings: [Fleets.ring("")], releasedCount: 0)
        let head = Fleets.head(plan)
        #expect(head.versions(for: Fleets.place(1), isHalted: false) == [new, base])
        #expect(head.versions(for: Fleets.place(1), isHalted: true) == [base])
        #expect(Fleets.head(plan.releasingNext()).versions(for: Fleets.place(1), isHalted: false) == [new])
        let others = RolloutPlan(base: base, rings: [Fleets.ring("rack=a")], releasedCount: 1)
        #expect(Fleets.head(others).versions(for: Fleets.place(1), isHalted: false) == [new, base])
        let flip = RolloutPlan(flipAt: later, base: base)
        #expect(Fleets.head(flip).versions(for: Fleets.place(1), isHalted: false) == [new, base])
    }

    @Test func whatTheHeadNamesAndTheNodeMayNotRun_isWithheld() {
        let head = Fleets.head(RolloutPlan(base: base, rings: [Fleets.ring("rack=a")], releasedCount: 1))
        let inRing = Fleets.place(1, labels: ["rack": "a"])
        #expect(head.withheld(from: inRing, isHalted: false, now: now) == nil)
        #expect(head.withheld(from: inRing, isHalted: true, now: now) == new)
        #expect(head.withheld(from: Fleets.place(1), isHalted: false, now: now) == new)
    }
}
