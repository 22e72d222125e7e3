import Manifest
import Rollout

extension RolloutScenario {
    /// Nothing goes wrong but this: a version whose requests fail after the switch, from one ring on.
    /// - Parameter ring: from 1.
    public static func regression(inRing ring: Int, nodeCount: Int, seed: UInt64) -> RolloutScenario {
        var scenario = RolloutScenario()
        scenario.seed = seed
        scenario.nodeCount = nodeCount
        scenario.watchSeconds = 120
        scenario.waitSeconds = 60
        scenario.natures = [VersionNature(.failsRequests, .fromRing(ring))]
        scenario.acts = [(5, .promoteInRings(2))]
        scenario.faultSeconds = 10
        scenario.patienceSeconds = 3_600
        return scenario
    }
}

extension RolloutSimulation {
    /// For each ring of a version's rollout: how many nodes are in it, and which ever served the version.
    public func servedByRing(version: Int) -> [(all: Int, served: [Int])] {
        guard let plan = plans[version] else { return [] }
        var rings = plan.rings.map { _ in (all: 0, served: [Int]()) }
        for agent in agents {
            guard let ring = agent.place.ring(in: plan, for: versions[version - 1].digest) else { continue }
            rings[ring].all += 1
            if servedAt[version - 1][agent.index] != nil { rings[ring].served.append(agent.index) }
        }
        return rings
    }
}
