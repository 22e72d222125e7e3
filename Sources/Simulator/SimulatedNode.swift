import Swarm
import Units
import Wire

/// One agent: the core as it is, and what its shell keeps.
final class SimulatedNode {
    let profile: NodeProfile
    let index: Int32
    var swarm: Swarm
    var isAlive = false

    var links: [SimulatedLink] = []
    var freeSlots: [Int32] = []
    /// Links that are open or being made, by node; never walked through.
    var slots = SmallTable<NodeID, Int32>()

    var uplinkFreeAt: Nanoseconds = 0
    var downlinkFreeAt: Nanoseconds = 0
    var storeFreeAt: Nanoseconds = 0
    var wakeAt = Nanoseconds.never
    /// The earliest wake-up in the agenda.
    var agendaWake = Nanoseconds.never

    var inbox: [SwarmEvent] = []
    var isRunning = false
    var random: SplitMix64
    /// Happenings that this node caused.
    var causedCount: UInt64 = 0

    var ledger: Ledger
    var completedAt: Nanoseconds?
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325

    init(_ profile: NodeProfile, swarm: Swarm, chunkCount: Int, random: SplitMix64) {
        self.profile = profile
        index = Int32(profile.index)
        self.swarm = swarm
        self.random = random
        ledger = Ledger(chunkCount: chunkCount)
    }

    /// A free place for a link.
    func makeSlot(_ model: NetworkModel) -> Int32 {
        if let slot = freeSlots.popLast() { return slot }
        links.append(SimulatedLink(model))
        return Int32(links.count - 1)
    }

    func address(of slot: Int32) -> LinkAddress {
        LinkAddress(node: index, slot: slot, generation: links[Int(slot)].generation)
    }

    /// True if the place is still used for that connection.
    func isCurrent(_ address: LinkAddress) -> Bool {
        isAlive && Int(address.slot) < links.count && links[Int(address.slot)].generation == address.generation
            && links[Int(address.slot)].state != .free
    }

    /// FNV over what the node does.
    func mix(_ value: UInt64) { digest = (digest ^ value) &* 0x0000_0100_0000_01B3 ^ digest >> 29 }
}

/// What a node did, for the report and the checkers.
struct Ledger {
    var eventCount = 0
    /// Payload of chunks.
    var sentByteCount = 0
    var receivedByteCount = 0
    /// Everything, with headers.
    var wireSentByteCount = 0
    var wireReceivedByteCount = 0
    var controlByteCount = 0
    /// Bytes in buffers, those being verified included.
    var unverifiedByteCount = 0
    var unverifiedByteCountPeak = 0
    var queuedByteCountPeak = 0
    var requestCount = 0
    var answeredCount = 0
    var givenUpCount = 0
    var activeUploadCount = 0
    /// Chunks that are stored.
    private(set) var stored: [UInt64]
    private(set) var storedCount = 0

    init(chunkCount: Int) { stored = Array(repeating: 0, count: (chunkCount + 63) / 64) }

    func contains(_ chunk: ChunkIndex) -> Bool { stored[chunk.int / 64] >> UInt64(chunk.int % 64) & 1 != 0 }

    /// False if it was stored before.
    mutating func store(_ chunk: ChunkIndex) -> Bool {
        let bit: UInt64 = 1 << UInt64(chunk.int % 64)
        guard stored[chunk.int / 64] & bit == 0 else { return false }
        stored[chunk.int / 64] |= bit
        storedCount += 1
        return true
    }
}
