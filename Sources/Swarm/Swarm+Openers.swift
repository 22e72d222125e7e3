import OrderedCollections
public import Units

extension Swarm {
    /// Neighbours that have opened the version on their connection: they have its manifest and its layout.
    public func openers(of version: Digest) -> [NodeID] {
        neighbours.keys.filter { hasOpened(version, $0) }
    }

    /// Whether one of them has.
    public func hasOpened(_ version: Digest, _ node: NodeID) -> Bool {
        exchanges[version]?.views[node] != nil || neighbours[node]?.strangers[version] != nil
    }
}
