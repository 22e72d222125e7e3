import Units
import Wire

/// A fresh chunk is asked of its first holder by all who hear of it, though each of them that was served could serve
/// others. So, as soon as a neighbour announces a chunk, half of the crowd that still waits for it here is sent away,
/// to ask whoever has it by now: its holders double in each turn, instead of growing by one. (400 nodes in 10 racks,
/// 640 MiB in chunks of 2 MiB, three seeds, simulated: the last node at 1.31 of the limit, 1.38 to 1.50 without this;
/// 2.06 if they are sent away without asking another at once, since they come back to the end of the queue.)
extension Swarm {
    /// So many wait for one chunk before some of them are sent away. With fewer the wait is short, and a place in a
    /// queue is worth more.
    private static let crowdCountMin = 6
    /// Sent away so often in a row, without a chunk, by one neighbour, an asker leaves it alone for a while.
    private static let redirectCountMax = 32
    private static let redirectBackOff = Duration.seconds(1)
    /// A source that alone is known to have the chunk is asked again no sooner.
    private static let redirectPause = Duration.milliseconds(50)

    // MARK: The source

    /// The neighbour has the chunk now: of those in its place who wait for it here, those who would be served last are
    /// sent away.
    mutating func shareQueue(for chunk: ChunkIndex, of version: Digest, with holder: NodeID) {
        // Nobody waits for what is not here.
        guard queuedUploadCount >= Swarm.crowdCountMin, exchanges[version]?.held.contains(chunk) == true,
            let other = neighbours.index(forKey: holder)
        else { return }
        var waiting: [(neighbour: Int, queue: Int)] = []
        for place in neighbours.values.indices where neighbours.values[place].place == neighbours.values[other].place {
            guard place != other,
                let number = neighbours.values[place].queuedNumber(chunk, of: version)
            else { continue }
            waiting.append((place, number))
        }
        guard waiting.count >= Swarm.crowdCountMin else { return }
        waiting.sort { servingRank($0, of: version) < servingRank($1, of: version) }
        for (place, number) in waiting.suffix(waiting.count / 2) {
            let asked = neighbours.values[place].queue.remove(at: number)
            queuedUploadCount -= 1
            refuse(asked, for: neighbours.keys[place], because: .elsewhere)
        }
    }

    /// In what order they are served, about.
    private func servingRank(_ waiting: (neighbour: Int, queue: Int), of version: Digest) -> (Int, Int, Int, UInt64) {
        let neighbour = neighbours.values[waiting.neighbour]
        let held = heldCount(of: version, by: neighbours.keys[waiting.neighbour])
        return (waiting.queue, neighbour.activeUploadCount, held, neighbour.lastServed)
    }

    // MARK: The asker

    /// Asks whoever has the chunk, but for the source, and will probably send it soonest.
    mutating func askElsewhere(_ chunk: ChunkIndex, of version: Digest, but source: NodeID) {
        let isOverused = noteRedirect(by: source)
        if isOverused { backOff(source, until: clock + Swarm.redirectBackOff) }
        guard let exchange = exchanges[version], exchange.wanted.contains(chunk), !isPaused(exchange.pausedUntil)
        else { return }
        let others = neighbours.values.filter {
            $0.node != source && exchange.views[$0.node]?.isInside == true && $0.isUsable(at: clock)
                && $0.requests.count < Swarm.smallRequestCountMax
        }
        if let best = soonestHolder(of: chunk, of: version, among: others.map { $0.node }) {
            ask(best.node, version, chunk)
        } else if !isOverused {
            pause(source, until: clock + Swarm.redirectPause)
        }
    }

    /// Whoever sends everybody away is of no use, and must not cost a round trip for each chunk.
    /// - Returns: whether this was once too often.
    private mutating func noteRedirect(by source: NodeID) -> Bool {
        guard let place = neighbours.index(forKey: source) else { return false }
        neighbours.values[place].redirectsInARow += 1
        guard neighbours.values[place].redirectsInARow >= Swarm.redirectCountMax else { return false }
        neighbours.values[place].redirectsInARow = 0
        return true
    }
}

extension Neighbour {
    /// The place of the chunk in its queue.
    fileprivate func queuedNumber(_ chunk: ChunkIndex, of version: Digest) -> Int? {
        queue.firstIndex { $0.chunk == chunk && $0.version == version }
    }
}
