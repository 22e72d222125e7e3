import OrderedCollections
import Units

/// How many chunks are asked for at once, in all and of one neighbour.
extension Swarm {
    /// Stays below the wire's bound of open requests.
    static let smallRequestCountMax = 200
    /// What comes in that time, beside the round trips, may be asked for ahead: the time that both ends take to notice.
    private static let turnaround = 0.03
    /// What one neighbour needs longer for is not asked of it ahead.
    private static let queueSecondsMax = 8.0
    /// What this agent's downlink may need longer for is not asked for ahead.
    private static let downlinkQueueMax = Duration.seconds(20)

    /// How many chunks to ask for at once: few, and half as many more as this node has fewer than its neighbours.
    ///
    /// Requests wait in queues at other nodes' uplinks. With many of them a fresh chunk spreads slowly, since whoever
    /// has its copy early is asked for it late, and the swarm takes long until all links are busy; with few of them
    /// the links of some idle by bad luck, and these finish last. (100 nodes, 32 KiB chunks, last node over limit,
    /// simulated: 1.19 with 8 for all, 1.13 with 24, 1.07 this way. 40 nodes in 4 racks: 1.17 with 24 for all, since
    /// whoever was behind stayed behind, 1.10 this way.)
    func requestWindow(forVersionAt place: Int) -> Int {
        var (sum, count) = (0, 0)
        for view in exchanges.values[place].views.values.indices
        where !exchanges.values[place].views.values[view].isReserved {
            sum += exchanges.values[place].views.values[view].count
            count += 1
        }
        guard count > 0 else { return limits.requestCountMax }
        let lag = sum / count - exchanges.values[place].held.count
        let usual = max(
            Limits.requestCountFewChunks, exchanges.values[place].chunkCount / Limits.chunkCountPerRequest)
        return min(min(usual, limits.requestCount) + max(0, lag) / 2, limits.requestCountMax)
    }

    /// The window's chunks in all beside those that were offered, and as many more as fit into the neighbours'
    /// bandwidth times delay.
    func hasRoom(forVersionAt place: Int, _ window: Int) -> Bool {
        let mean = exchanges.values[place].meanByteCount
        // What is to cross a slow link shall find room.
        let reserve = exchanges.values[place].crossings == nil ? 0 : limits.unverifiedByteCountMax / 4
        guard unverifiedByteCount + mean + reserve <= limits.unverifiedByteCountMax, isWithinDownloadLimit(mean),
            outstandingRequestCount < 2 || downlinkWait < Swarm.downlinkQueueMax
        else { return false }
        let total = window + extraWindow
        return outstandingRequestCount - offered.count < total
            || outstandingByteCount - offered.byteCount + mean <= total * max(limits.requestByteCountMin, mean)
    }

    /// Up to twice its share of all requests, so that those with short queues get more, and as many more as its
    /// bandwidth times delay takes; of a slow one no more than it sends in some seconds.
    func hasRoom(_ neighbour: Int, forVersionAt place: Int, _ total: Int) -> Bool {
        let requestCount = neighbours.values[neighbour].requests.count
        guard requestCount > 0 else { return true }
        guard requestCount < Swarm.smallRequestCountMax else { return false }
        let mean = exchanges.values[place].meanByteCount
        let unit = max(limits.requestByteCountMin, mean)
        let sources = max(1, exchanges.values[place].views.count - exchanges.values[place].reservedViewCount)
        let fair = (total + sources - 1) / sources
        var window = min(
            2 * fair + neighbours.values[neighbour].extraWindow, Limits.requestByteCountPerNeighbourMax / unit)
        let rate = neighbours.values[neighbour].rate.bytesPerSecond
        if rate > 0 { window = min(window, 1 + Int(min(rate * Swarm.queueSecondsMax / Double(unit), 1e6))) }
        window = max(1, window)
        return requestCount < window
            || neighbours.values[neighbour].outstandingByteCount + mean <= window * unit
    }

    /// The rate of the neighbour was measured: what fits into its bandwidth times delay, twice, so that the window
    /// grows until the link is full.
    mutating func fitWindow(of neighbour: Int, unit: Int) {
        let rate = neighbours.values[neighbour].rate.bytesPerSecond
        let roundTrip = neighbours.values[neighbour].roundTrip?.inSeconds ?? 0
        let underWay = rate * (2 * roundTrip + Swarm.turnaround) / Double(max(unit, limits.requestByteCountMin))
        let window = Int(min(underWay + 0.5, Double(Swarm.smallRequestCountMax)))
        extraWindow += window - neighbours.values[neighbour].extraWindow
        neighbours.values[neighbour].extraWindow = window
    }
}
