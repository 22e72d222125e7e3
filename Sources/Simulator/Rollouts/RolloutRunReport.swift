import Manifest

/// What came out of a simulated rollout.
public struct RolloutRunReport: Sendable {
    /// Rules that were broken; empty if all is well.
    public var violations: [RolloutViolation] = []
    /// One number for everything that happened. Equal scenarios give equal numbers.
    public var digest: UInt64 = 0
    /// Simulated seconds, and those after the last fault until all was as it should be.
    public var seconds = 0.0
    /// See `seconds`.
    public var healingSeconds: Double?
    /// From the first failure of a flawed version to the last switch after it.
    public var backSeconds: Double?
    /// What happened, in all.
    public var eventCount = 0
    /// Whether the channel is halted at the end.
    public var isHalted = false
    /// Rings that were let go at the end, and all.
    public var rings = (released: 0, all: 0)
}

extension RolloutSimulation {
    func report() -> RolloutRunReport {
        var report = RolloutRunReport()
        report.violations = violations
        report.digest = digest
        report.seconds = now.inSeconds
        report.healingSeconds = healthyAt.map { $0.inSeconds - scenario.faultSeconds }
        if let first = firstFailureAt, let last = lastSwitchAt { report.backSeconds = (last - first).inSeconds }
        report.eventCount = eventCount
        report.isHalted = agents.contains { $0.halt?.isDenial == true }
        let plan = agents.compactMap { $0.head?.head }.max { $0.rank < $1.rank }?.rollout
        report.rings = (plan?.releasedCount ?? 0, plan?.rings.count ?? 0)
        return report
    }
}
