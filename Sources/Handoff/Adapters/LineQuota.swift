import EventLoop
import Units

/// Lets a burst of lines through, and then says how many were dropped: what a server writes for each request would fill
/// the agent's log.
@LoopActor final class LineQuota {
    private var windowEnd = Clock.now()
    private var count = 0

    /// The line, or nothing.
    func take(_ line: String) -> String? {
        let now = Clock.now()
        var dropped = 0
        if now >= windowEnd {
            dropped = max(0, count - Limits.adapterLineCountMax)
            windowEnd = now + .seconds(Limits.adapterLineSeconds)
            count = 0
        }
        count += 1
        guard count <= Limits.adapterLineCountMax else { return nil }
        return dropped == 0 ? line : "(\(dropped) lines before this one are left out) \(line)"
    }
}
