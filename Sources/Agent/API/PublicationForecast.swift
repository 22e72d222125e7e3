internal import Control
internal import Crypto
internal import EventLoop
internal import Manifest
internal import Swarm
internal import Trust
internal import Units
internal import Wire

/// What a version would cost the nodes that are connected now: `shoal seed --plan`.
@LoopActor
struct PublicationForecast {
    let agent: Agent

    func reply(to request: PlanPublication) -> PlanPublication.Reply {
        let holders = Digest(hex: request.parent).map(holders) ?? []
        let nodes = agent.switchboard.links.values
            .map { node($0, request, holdsParent: holders.contains($0.node)) }.sorted { $0.name < $1.name }
        let longest = nodes.map(\.bytesTransfer).max()
        let rate = agent.driver.core.uplinkBytesPerSecond
        return PlanPublication.Reply(
            nodes: nodes, seconds: longest.flatMap { longest in rate.map { Double(longest) / $0 } })
    }

    /// The neighbours that have a whole variant of the version, which is what a node takes. None if the version is not
    /// here.
    private func holders(of version: Digest) -> Set<NodeID> {
        guard let layout = agent.library.entries[version]?.layout, let manifest = agent.trust.manifest(version)?.value
        else { return [] }
        let variants = manifest.variants.compactMap { variant in
            manifest.fileRange(of: variant.name).map { layout.chunkSet(ofFiles: $0) }
        }
        return Set(
            agent.switchboard.links.keys.filter { node in
                variants.contains { agent.driver.core.holds(node, $0, of: version) }
            })
    }

    private func node(
        _ link: NeighbourLink, _ request: PlanPublication, holdsParent: Bool
    ) -> PlanPublication.Node {
        let space = agent.spaces.told[link.node]
        // Without shared blocks what is there already is copied.
        let takesNewOnly = holdsParent && space?.sharesBlocks == true
        return PlanPublication.Node(
            name: link.identity.name.text, node: link.node.hex, holdsParent: holdsParent,
            bytesTransfer: holdsParent ? request.bytesNew : request.bytesDistinct,
            bytesDisk: takesNewOnly ? min(request.bytesNew, request.bytesTotal) : request.bytesTotal,
            bytesRoom: space.map { Int64(clamping: $0.byteCount) })
    }
}
