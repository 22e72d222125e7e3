import OrderedCollections
import Units

/// Chunks that only a slow neighbour has.
extension Swarm {
    /// A neighbour is slow if it takes so many times longer for a chunk than half of them do.
    private static let slowFactor = 3.0
    /// Whether a slow neighbour alone holds something is looked at that often.
    private static let slowHolderPause = Duration.milliseconds(250)

    /// What a slow neighbour alone holds is asked of it, a chunk at a time, whatever else is asked for: sources that
    /// are sooner never run out before the end, and then everybody would wait for the slow one. (20 nodes, one of them
    /// at a tenth of the rate, the last of the others simulated: 1.28 of the limit without this.)
    mutating func askSlowHolders(ofVersionAt place: Int) {
        guard exchanges.values[place].crossings == nil, clock >= exchanges.values[place].slowHoldersDue else { return }
        exchanges.values[place].slowHoldersDue = clock + Swarm.slowHolderPause
        let slow = Swarm.slowFactor * medianTurn
        for view in exchanges.values[place].views.values.indices {
            guard !exchanges.values[place].views.values[view].isBarren,
                let neighbour = neighbours.index(forKey: exchanges.values[place].views.keys[view]),
                neighbours.values[neighbour].requests.isEmpty, neighbours.values[neighbour].turns.seconds > slow,
                neighbours.values[neighbour].isUsable(at: clock),
                let chunk = exchanges.values[place].choose(fromViewAt: view, random: &random),
                exchanges.values[place].holderCount(of: chunk) == 1
            else { continue }
            ask(exchanges.values[place].views.keys[view], exchanges.keys[place], chunk)
        }
    }

    /// What half of the neighbours that gave a chunk do not exceed, in seconds.
    private var medianTurn: Double {
        let all = neighbours.values.map { $0.turns.seconds }.filter { $0 > 0 }.sorted()
        return all.isEmpty ? .infinity : all[all.count / 2]
    }
}
