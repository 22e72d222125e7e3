internal import Control
internal import Crypto
internal import EventLoop
internal import Swarm
internal import Units
internal import Wire

/// What a version would cost the nodes that are connected now: `shoal seed --plan`.
@LoopActor
struct PublicationForecast {
    let agent: Agent

    func reply(to request: PlanPublication) -> PlanPublication.Reply {
        let parent = Digest(hex: request.parent)
        let nodes = agent.switchboard.links.values.map { node($0, request, parent) }.sorted { $0.name < $1.name }
        let longest = nodes.map(\.bytesTransfer).max()
        let rate = agent.driver.core.uplinkBytesPerSecond
        return PlanPublication.Reply(
            nodes: nodes, seconds: longest.flatMap { longest in rate.map { Double(longest) / $0 } })
    }

    private func node(_ link: NeighbourLink, _ request: PlanPublication, _ parent: Digest?) -> PlanPublication.Node {
        let holdsParent = parent.map { agent.driver.core.holdsAll(link.node, of: $0) } ?? false
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
