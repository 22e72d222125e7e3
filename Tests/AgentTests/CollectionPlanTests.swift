import Manifest
import Testing
import Units

@testable import Agent
@testable import Store

@Suite struct CollectionPlanTests {
    private func digest(_ number: UInt8) -> Digest { Digest(exactly: [UInt8](repeating: number, count: 32)) }

    private func variant(_ number: UInt8, _ name: String = "default") throws -> CommittedVariant {
        CommittedVariant(
            model: try #require(ModelName("a/b")),
            key: VariantKey(version: digest(number), variant: try #require(VariantName(name))),
            byteCount: 10, folder: "/x", suspectFiles: [], damaged: [], received: ReceivedBytes(), checked: nil)
    }

    private func age(_ seconds: Int64, _ number: UInt64) -> CollectionPlan.Age {
        CollectionPlan.Age(created: WallTime(secondsSince1970: seconds), publishNumber: number)
    }

    @Test func theOldestGoFirstAndThoseWithoutAManifestBeforeAll() throws {
        let variants = try [1, 2, 3, 4].map { try variant($0) }
        let plan = CollectionPlan(
            variants,
            ages: [digest(1): age(30, 2), digest(2): age(10, 1), digest(3): age(30, 1)],
            reasons: [variants[1].key: .previous])
        #expect(plan.collectable.map(\.variant.key.version) == [digest(4), digest(3), digest(1)])
        #expect(plan.items.last?.keptBecause == .previous)
    }

    @Test func aVersionStaysWithAllItsVariants() throws {
        let (one, other) = (try variant(1), try variant(1, "other"))
        let plan = CollectionPlan([one, other], ages: [:], reasons: [other.key: .inUse])
        #expect(plan.versions.isEmpty && plan.items.allSatisfy { $0.keptBecause == .inUse })
        let free = CollectionPlan([one, other], ages: [:], reasons: [:])
        #expect(free.versions.map(\.byteCount) == [20])
    }
}
