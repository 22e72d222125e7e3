/// The cores of one machine that all nodes share. Work goes to the core that is free first, in the order it comes.
///
/// It delays what is sent and received; an agent's single thread is not modelled, since the shared cores are what is
/// short on a machine that runs them all.
final class Processor {
    private var freeAt: [Nanoseconds]
    private(set) var busyNanoseconds = 0.0

    init(coreCount: Int) { freeAt = Array(repeating: 0, count: coreCount) }

    /// Does the work; returns when it is done.
    @discardableResult
    func spend(_ nanoseconds: Double, at now: Nanoseconds) -> Nanoseconds {
        busyNanoseconds += nanoseconds
        var first = 0
        for core in freeAt.indices where freeAt[core] < freeAt[first] { first = core }
        freeAt[first] = max(now, freeAt[first]) + Nanoseconds(nanoseconds)
        return freeAt[first]
    }

    /// When work would be done that comes at that time, as far as is known now.
    func expected(_ nanoseconds: Double, at time: Nanoseconds) -> Nanoseconds {
        max(time, freeAt.min() ?? time) + Nanoseconds(nanoseconds)
    }
}
