import Fleet
import Units
import Wire

/// Connections: frames come in order or not at all, and a lost frame is the end of its connection.
extension RolloutSimulation {
    func happenOnNetwork(_ happening: RolloutHappening) {
        switch happening {
        case .dial(let edge): dial(edge)
        case .linked(let edge, let end, let generation): link(edge, end, generation)
        case .unlinked(let edge, let end, let generation): unlink(edge, end, generation)
        case .frame(let edge, let end, let generation, let frame): arrive(frame, edge, end, generation)
        case .breakLink(let edge): if !isCalm { breakLink(edge, noticedIn: 0.01...3) }
        case .partition(let mask): divide(mask)
        case .heal: partition = nil
        default: preconditionFailure("\(happening) is not the network's")
        }
    }

    private func isCut(_ edge: Int) -> Bool {
        guard let partition else { return false }
        let sides = edges[edge].nodes.map { partition >> UInt64($0 % 64) & 1 }
        return sides[0] != sides[1]
    }

    private func divide(_ mask: UInt64) {
        guard !isCalm else { return }
        partition = mask
        dividedAt = now
        for edge in edges.indices where isCut(edge) { breakLink(edge, noticedIn: 1...15) }
    }

    // MARK: Beginning and end

    func dialSoon(_ edge: Int, _ seconds: ClosedRange<Double> = 1...4) {
        guard !edges[edge].isDialling else { return }
        edges[edge].isDialling = true
        plan(.dial(edge: edge), after: delay(seconds))
    }

    private func dial(_ edge: Int) {
        edges[edge].isDialling = false
        guard edges[edge].nodes.allSatisfy({ agents[$0].isUp }) else { return }
        guard !isCut(edge) else { return dialSoon(edge) }
        guard edges[edge].open == [nil, nil] else { return }
        edges[edge].generation += 1
        let (generation, delay) = (edges[edge].generation, edges[edge].delay)
        edges[edge].arrivals = [now + delay, now + 2 * delay]
        plan(.linked(edge: edge, end: 1, generation: generation), after: delay)
        plan(.linked(edge: edge, end: 0, generation: generation), after: 2 * delay)
    }

    private func link(_ edge: Int, _ end: Int, _ generation: Int) {
        let (agent, peer) = (agents[edges[edge].nodes[end]], agents[edges[edge].nodes[1 - end]])
        guard edges[edge].generation == generation, agent.isUp else { return }
        edges[edge].open[end] = generation
        level(agent, edge, end)
        handle(.joined(peer.id), in: agent)
    }

    /// The connection ends; each end notices in its own time.
    func breakLink(_ edge: Int, noticedIn seconds: ClosedRange<Double>) {
        let generation = edges[edge].generation
        edges[edge].generation += 1
        for end in 0...1 where edges[edge].open[end] != nil {
            plan(.unlinked(edge: edge, end: end, generation: generation), after: delay(seconds))
        }
        if edges[edge].open == [nil, nil] { dialSoon(edge) }
    }

    private func unlink(_ edge: Int, _ end: Int, _ generation: Int) {
        guard edges[edge].open[end] == generation else { return }
        edges[edge].open[end] = nil
        let (agent, peer) = (agents[edges[edge].nodes[end]], agents[edges[edge].nodes[1 - end]])
        if agent.isUp { handle(.left(peer.id), in: agent) }
        if edges[edge].open == [nil, nil] { dialSoon(edge) }
    }

    /// The agent's own ends are gone at once, and the kernel tells the others, unless the power failed.
    func closeLinks(of agent: RolloutAgent, isPowerCut: Bool) {
        for link in agent.links {
            let (edge, generation) = (link.edge, edges[link.edge].generation)
            edges[edge].open[link.end] = nil
            edges[edge].generation += 1
            guard let open = edges[edge].open[1 - link.end] else { continue }
            precondition(open <= generation, "a connection of the future")
            let notice: ClosedRange<Double> = isPowerCut ? 5...15 : 0.001...0.05
            plan(.unlinked(edge: edge, end: 1 - link.end, generation: open), after: delay(notice))
        }
    }

    // MARK: Frames

    func send(_ frame: RolloutHappening.Frame, from link: RolloutAgent.Link) {
        let edge = link.edge
        guard let generation = edges[edge].open[link.end] else { return }
        guard generation == edges[edge].generation else { return }
        if !isCalm, happens(scenario.lossPerMillion) {
            return breakLink(edge, noticedIn: Bool.random(using: &random) ? 0.05...2 : 5...15)
        }
        let jitter = Nanoseconds(random.next() % UInt64(edges[edge].delay))
        let end = 1 - link.end
        let arrival = max(edges[edge].arrivals[end], now + edges[edge].delay + jitter)
        edges[edge].arrivals[end] = arrival
        plan(.frame(edge: edge, end: end, generation: generation, frame), after: arrival - now)
    }

    private func arrive(_ frame: RolloutHappening.Frame, _ edge: Int, _ end: Int, _ generation: Int) {
        guard edges[edge].generation == generation, edges[edge].open[end] == generation else { return }
        let agent = agents[edges[edge].nodes[end]]
        guard agent.isUp else { return }
        switch frame {
        case .status(let event): handle(event, in: agent)
        case .document(let document): take(document, from: edges[edge].nodes[1 - end], agent)
        }
    }
}
