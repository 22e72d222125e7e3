import ArgumentParser
import Simulator
import Swarm

/// What a run is made of, on the command line.
struct ScenarioOptions: ParsableArguments {
    @Option(help: "Nodes that want the version; the seed is one more.") var nodes = 20
    @Option(help: "Nodes that hold it from the start.") var seeds = 1
    @Option(help: "Size of the version, for example 200MiB.") var size = ByteSize(byteCount: 200 << 20)
    @Option(help: "Size of a chunk.") var chunk = ByteSize(byteCount: 512 << 10)
    @Flag(help: "Chunks differ in size as content cuts them, around that one.") var byContent = false
    @Option(help: "Rate of each link both ways, for example 40Mbit.") var rate: BitRate?
    @Option(help: "Rate of the seed's link.") var seedRate: BitRate?
    @Option(help: "Racks; 0 for one switch.") var racks = 0
    @Option(help: "How far the racks' uplinks are oversubscribed.") var oversub = 1.0
    @Option(help: "One way between two nodes.") var delay: TimeSpan?
    @Option(help: "One way more between two racks.") var rackDelay: TimeSpan?
    @Flag(help: "Nodes do not say in which rack they are.") var noLabels = false
    @Option(help: "How many nodes at random each is told to try; without it, the seeds.") var peers: Int?
    @Option(help: "What all chance comes from.") var seed: UInt64 = 1
    @Option(help: "From the start until a node has the layout.") var documents: TimeSpan?
    @Option(help: "Payload that travels as one unit: fine for small runs, coarse for fast large ones.")
    var quantum = ByteSize(byteCount: 16 << 10)
    @Option(help: "A fixed window for each connection in place of TCP's.") var window: ByteSize?
    @Option(help: "Bytes that the kernel takes beyond what is under way.") var unsent: ByteSize?
    @Option(help: "The core's limit of chunks asked for at once.") var requests: Int?
    @Option(help: "The same for a node that is behind its neighbours.") var requestsMax: Int?
    @Option(help: "The core's limit of chunks sent at once.") var uploads: Int?
    @Option(help: "The core's limit of offers open at once.") var offers: Int?
    @Option(help: "How long the core collects announcements.") var announce: TimeSpan?
    @Option(help: "What may wait in a node's uplink before TCP slows down.") var uplinkQueue: ByteSize?
    @Option(help: "The same for a downlink.") var downlinkQueue: ByteSize?
    @Option(help: "Cores of one machine that all agents share; 0 for a machine each.") var cores = 0
    @Option(help: "The expensive checkers look after each so many events of a node; 0 for never.") var check = 1

    @Option(help: "A bug in the simulated shell, which a checker is to find.") var plant: PlantName?
    @OptionGroup var faults: FaultOptions

    /// What kind of run this is, for the picture.
    var title: String {
        let racks = racks > 0 ? " in \(racks) racks" : ""
        return "\(size.byteCount >> 20) MiB to \(nodes) nodes\(racks), chunks of \(chunk.byteCount >> 10) KiB"
    }

    func validate() throws {
        guard nodes > 0, seeds > 0 else { throw ValidationError("a run needs a node and a seed") }
        guard nodes + seeds < 1 << 20 else { throw ValidationError("--nodes takes up to a million") }
        guard (1...4 << 20).contains(chunk.byteCount) else { throw ValidationError("--chunk takes up to 4MiB") }
        guard oversub > 0, racks >= 0 else { throw ValidationError("--oversub takes a number above 0") }
    }

    func scenario() throws -> Scenario {
        var scenario = Scenario()
        scenario.nodeCount = nodes
        scenario.seedCount = seeds
        scenario.byteCount = size.byteCount
        scenario.chunkByteCount = chunk.byteCount
        scenario.isCutByContent = byContent
        if let rate { scenario.bitRate = rate.bitsPerSecond }
        scenario.seedBitRate = seedRate?.bitsPerSecond
        scenario.rackCount = racks
        scenario.oversubscription = oversub
        if let delay { scenario.delay = delay.seconds }
        if let rackDelay { scenario.rackDelay = rackDelay.seconds }
        scenario.hasLabels = !noLabels
        if let peers { scenario.peers = .random(peers) }
        scenario.seed = seed
        if let documents { scenario.documentSeconds = documents.seconds }
        scenario.network.quantumByteCount = quantum.byteCount
        if let window {
            scenario.network.hasCongestionControl = false
            scenario.network.windowByteCountMax = window.byteCount
        }
        if let unsent { scenario.network.unsentByteCountMax = unsent.byteCount }
        scenario.network.sharedCoreCount = cores
        if let uplinkQueue { scenario.network.uplinkQueueByteCount = uplinkQueue.byteCount }
        if let downlinkQueue { scenario.network.downlinkQueueByteCount = downlinkQueue.byteCount }
        if let requests { scenario.limits.requestCount = requests }
        if let requestsMax { scenario.limits.requestCountMax = requestsMax }
        if let uploads { scenario.limits.uploadCount = uploads }
        if let offers { scenario.limits.offerCount = offers }
        if let announce { scenario.limits.announcementDelay = .nanoseconds(Int64(announce.seconds * 1e9)) }
        scenario.checkInterval = check
        scenario.plant = plant?.plant
        scenario.faults = try faults.faults(nodeCount: nodes, seedCount: seeds)
        return scenario
    }
}
