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
        let parent = Digest(hex: request.parent)
        let variants = parent.map(chunksOfVariants) ?? []
        let nodes = agent.switchboard.links.values.map { link in
            let holdsParent = variants.contains { chunks in
                parent.map { agent.driver.core.holds(link.node, chunks, of: $0) } ?? false
            }
            return node(link, request, holdsParent: holdsParent)
        }.sorted { $0.name < $1.name }
        let longest = nodes.map(\.bytesTransfer).max()
        let rate = agent.driver.core.uplinkBytesPerSecond
        return PlanPublication.Reply(
            nodes: nodes, seconds: longest.flatMap { longest in rate.map { Double(longest) / $0 } })
    }

    /// What each variant of a version consists of: a node has one of them. None if the version is not here.
    private func chunksOfVariants(of version: Digest) -> [ChunkSet] {
        guard let layout = agent.library.entries[version]?.layout, let manifest = agent.trust.manifest(version)?.value
        else { return [] }
        return manifest.variants.compactMap { variant in
            manifest.fileRange(of: variant.name).map { layout.chunkSet(ofFiles: $0) }
        }
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
