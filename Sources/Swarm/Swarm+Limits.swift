import OrderedCollections
public import Units

/// What an operator's limits mean for what is asked for.
extension Swarm {
    mutating func limitDownload(to bytesPerSecond: Double?) {
        downloadLimit = bytesPerSecond
        uplinkPeak = 0
        downlinkPeak = 0
        duties.insert(.fetch)
    }

    /// Bytes that may be asked for and not come yet: a second's worth, and at least two chunks, so that the next one is
    /// on its way when one is complete.
    func isWithinDownloadLimit(_ mean: Int) -> Bool {
        guard let downloadLimit else { return true }
        return Double(outstandingByteCount + mean) <= max(downloadLimit, Double(2 * mean))
    }

    /// How near a neighbour is; nil if it is none.
    public func distance(to node: NodeID) -> Distance? { neighbours[node]?.distance }
}
