import Units
import Wire

/// What a neighbour says that it has of one version.
struct HolderView: Sendable {
    /// The number of chunks that it says the version has.
    let chunkCount: Int
    var flags: Holdings.Flags
    /// What it announced; nil for all.
    private(set) var listed: ChunkBits?
    /// The first chunk of the part that must come next, while a HOLDINGS of several parts is under way.
    var nextPart: Int?
    /// When it last announced something.
    var grewAt: Instant?
    /// A directing neighbour that is asked like an ordinary source, since nothing else gave anything for a while.
    var isFallback = false
    /// It was looked through in vain, and nothing has changed since: it has nothing that may be asked for.
    var isBarren = false
    /// Whether no slow link lies between it and this node.
    var isInside = true
    /// Whether `Crossings` counts on it.
    var isCountedInside = false
    /// Chunks that this agent, directing, offered to it or sent it.
    var servedCount = 0

    init(chunkCount: Int, flags: Holdings.Flags) {
        self.chunkCount = chunkCount
        // Whoever directs says what it has chunk by chunk.
        let flags = flags.contains(.directing) ? flags.subtracting(.complete) : flags
        self.flags = flags
        listed = flags.contains(.complete) ? nil : ChunkBits(capacity: chunkCount)
    }

    var count: Int { listed?.count ?? chunkCount }
    var isComplete: Bool { count == chunkCount && !flags.contains(.directing) }
    /// It wants what it lacks.
    var isLacking: Bool { flags.contains(.wants) && !isComplete }
    var isDirecting: Bool { flags.contains(.directing) }
    /// A neighbour of which nothing may be asked without an offer.
    var isReserved: Bool { isDirecting && !isFallback }
    /// True if it may be asked for whatever is missing.
    var mayBeAskedForAll: Bool { isFallback || listed == nil }

    func contains(_ chunk: ChunkIndex) -> Bool { listed?.contains(chunk) ?? (chunk.int < chunkCount) }

    func mayBeAsked(for chunk: ChunkIndex) -> Bool { isFallback || contains(chunk) }

    /// Of that word of a set the chunks that it may be asked for.
    func askable(of mask: UInt64, word: Int) -> UInt64 {
        guard !isFallback, let listed else { return mask }
        return mask & listed.words[word]
    }

    /// Bytes that the bitmap takes.
    var byteCount: Int { listed == nil ? 0 : (chunkCount + 7) / 8 }

    /// True if the chunk is new.
    mutating func insert(_ chunk: ChunkIndex) -> Bool { listed?.insert(chunk) ?? false }

    /// True if the chunk was there. Afterwards the holdings are listed.
    mutating func remove(_ chunk: ChunkIndex) -> Bool {
        if listed == nil { listed = .full(capacity: chunkCount) }
        flags.remove(.complete)
        return listed?.remove(chunk) ?? false
    }

    /// It has and wants nothing of the version any more.
    mutating func leave() {
        flags = []
        isFallback = false
        listed = ChunkBits(capacity: chunkCount)
    }

    /// Takes one frame's bitmap in. False if it breaks the rules of the message.
    mutating func take(_ part: Holdings) -> Bool {
        let first = Int(part.firstChunk)
        guard listed != nil else { return first == 0 && part.bitmap.isEmpty }
        if first == 0, part.bitmap.isEmpty { return true }
        let byteCount = (chunkCount + 7) / 8
        guard first % 8 == 0, !part.bitmap.isEmpty, first / 8 + part.bitmap.count <= byteCount else { return false }
        let end = first + part.bitmap.count * 8
        nextPart = end < chunkCount ? end : nil
        return listed?.replace(from: first, with: part.bitmap) ?? false
    }
}
