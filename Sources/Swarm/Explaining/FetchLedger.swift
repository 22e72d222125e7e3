public import Units

/// Books the time of one fetch: each moment goes to the hold-up that was entered last.
///
/// paused ⇄ one of the hold-ups. Time that passes while it is paused is on nobody's account.
public struct FetchLedger: Equatable, Sendable {
    /// What the time goes to now; nil while paused.
    public private(set) var state: HoldUp?
    private var since = Instant.zero
    private var past = HoldUpTimes()

    /// Paused, with nothing booked.
    public init() {}

    /// From now on time goes to `state`. Entering the present state again changes nothing.
    public mutating func enter(_ state: HoldUp?, at now: Instant) {
        guard state != self.state else { return }
        past = times(at: now)
        since = now
        self.state = state
    }

    /// All that was booked until now.
    public func times(at now: Instant) -> HoldUpTimes {
        var times = past
        if let state, now > since { times[state] += now - since }
        return times
    }
}
