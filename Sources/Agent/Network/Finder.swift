internal import EventLoop
internal import Swarm
internal import Units
internal import Wire

/// Questions that go from neighbour to neighbour: who has this model, who issues
/// certificates? `Protocol/wire.md`, "Finding".
@LoopActor
final class Finder {
    /// A question under way: ours, or one that is passed on.
    private struct Open {
        var waitingFor: Set<NodeID>
        var entries: [PeerEntry]
        let deadline: LoopTimer
        let finish: @LoopActor ([PeerEntry]) -> Void
    }

    /// This node's own entry, as whoever is at the other end of the link can reach it, if it is what is looked for.
    var answerFor: (@LoopActor (Find.Target, NeighbourLink) -> PeerEntry?)?

    private let switchboard: Switchboard
    private var open: [FindID: Open] = [:]
    private var seen: [FindID: Instant] = [:]
    private var rates: [NodeID: RateLimit] = [:]

    init(switchboard: Switchboard) { self.switchboard = switchboard }

    /// Asks all neighbours, three hops far.
    func find(_ target: Find.Target) async -> [PeerEntry] {
        var generator = SystemRandomNumberGenerator()
        let id = FindID(high: generator.next(), low: generator.next())
        return await withCheckedContinuation { continuation in
            ask(Find(id: id, hopsLeft: UInt8(Limits.findHopCountMax), target: target), except: nil, entries: []) {
                continuation.resume(returning: $0)
            }
        }
    }

    /// A neighbour's question: answered at once if nobody else is to be asked.
    func receive(_ find: Find, from link: NeighbourLink) {
        let now = Clock.now()
        var rate =
            rates[link.node] ?? RateLimit(burst: Limits.findsPerSecond, perSecond: Limits.findsPerSecond, now: now)
        let isTooMuch = rate.take(now: now) != nil
        rates[link.node] = rate
        guard !isTooMuch else { return }
        guard remember(find.id, now) else { return link.send(.found(Found(id: find.id, entries: []))) }
        let own = [answerFor?(find.target, link)].compactMap(\.self)
        guard find.hopsLeft > 0 else { return link.send(.found(Found(id: find.id, entries: own))) }
        let next = Find(id: find.id, hopsLeft: find.hopsLeft - 1, target: find.target)
        ask(next, except: link.node, entries: own) { [weak link] entries in
            link?.send(.found(Found(id: find.id, entries: entries)))
        }
    }

    /// A neighbour's answer; false if nobody asked it. A late one is no fault.
    func receive(_ found: Found, from link: NeighbourLink) -> Bool {
        guard open[found.id]?.waitingFor.remove(link.node) != nil else { return seen[found.id] != nil }
        open[found.id]?.entries += found.entries.filter {
            Swarm.mayDial($0.endpoint, namedBy: link.remote.address)
        }
        finishIfComplete(found.id)
        return true
    }

    /// The neighbour is gone; nobody waits for it.
    func lose(_ node: NodeID) {
        rates[node] = nil
        for id in open.keys where open[id]?.waitingFor.remove(node) != nil { finishIfComplete(id) }
    }

    private func ask(
        _ find: Find, except source: NodeID?, entries: [PeerEntry],
        then finish: @escaping @LoopActor ([PeerEntry]) -> Void
    ) {
        _ = remember(find.id, Clock.now())
        let links = switchboard.links.values.filter { $0.node != source }.sorted { $0.node < $1.node }.shuffled()
            .prefix(8)
        let deadline = LoopTimer { [weak self] in self?.complete(find.id) }
        open[find.id] = Open(waitingFor: Set(links.map(\.node)), entries: entries, deadline: deadline, finish: finish)
        deadline.start(after: .milliseconds(700 * Int(find.hopsLeft) + 300))
        for link in links { link.send(.find(find)) }
        finishIfComplete(find.id)
    }

    private func finishIfComplete(_ id: FindID) {
        if open[id]?.waitingFor.isEmpty == true { complete(id) }
    }

    private func complete(_ id: FindID) {
        guard let question = open.removeValue(forKey: id) else { return }
        question.deadline.close()
        var known: Set<NodeID> = []
        question.finish(question.entries.filter { known.insert($0.node).inserted })
    }

    /// False if the id was met in the last minute.
    private func remember(_ id: FindID, _ now: Instant) -> Bool {
        guard seen[id] == nil else { return false }
        if seen.count >= Limits.findCountMax { seen = seen.filter { now - $0.value < .seconds(60) } }
        guard seen.count < Limits.findCountMax else { return false }
        seen[id] = now
        return true
    }
}
