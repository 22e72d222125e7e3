import Units
import Wire

/// What a neighbour says that it has of one version.
struct HolderView: Sendable {
    /// The number of chunks that it says the version has.
    let chunkCount: Int
    var flags: Holdings.Flags
    var holdings: Extent
    /// The first chunk of the part that must come next, while a HOLDINGS of several parts is under way.
    var nextPart: Int?
    /// When it last announced something.
    var grewAt: Instant?
    /// A directing neighbour that is asked like an ordinary source, since nothing else gave anything for a while.
    var isFallback = false
    /// Chunks that this agent may ask of it now: wanted ones that it announced (any, in a fallback).
    var usefulCount = 0
    /// Chunks that this agent, directing, offered to it or sent it.
    var servedCount = 0

    enum Extent: Sendable {
        case all
        case some(ChunkBits)
    }

    init(chunkCount: Int, flags: Holdings.Flags) {
        self.chunkCount = chunkCount
        // Whoever directs says what it has chunk by chunk.
        let flags = flags.contains(.directing) ? flags.subtracting(.complete) : flags
        self.flags = flags
        holdings = flags.contains(.complete) ? .all : .some(ChunkBits(capacity: chunkCount))
    }

    var count: Int {
        switch holdings {
        case .all: chunkCount
        case .some(let bits): bits.count
        }
    }

    var isComplete: Bool { count == chunkCount && !flags.contains(.directing) }
    var isDirecting: Bool { flags.contains(.directing) }
    /// True if it may be asked for whatever is missing.
    var mayBeAskedForAll: Bool {
        if isFallback { return true }
        if case .all = holdings { return true }
        return false
    }

    func contains(_ chunk: ChunkIndex) -> Bool {
        switch holdings {
        case .all: chunk.int < chunkCount
        case .some(let bits): bits.contains(chunk)
        }
    }

    func mayBeAsked(for chunk: ChunkIndex) -> Bool { isFallback || contains(chunk) }

    /// Bytes that the bitmap takes.
    var byteCount: Int {
        switch holdings {
        case .all: 0
        case .some: (chunkCount + 7) / 8
        }
    }

    /// True if the chunk is new.
    mutating func insert(_ chunk: ChunkIndex) -> Bool {
        guard case .some(var bits) = holdings else { return false }
        holdings = .all  // so that the bits have one owner while they change
        let isNew = bits.insert(chunk)
        holdings = .some(bits)
        return isNew
    }

    /// True if the chunk was there. Afterwards the holdings are `.some`.
    mutating func remove(_ chunk: ChunkIndex) -> Bool {
        var bits: ChunkBits
        switch holdings {
        case .all: bits = .full(capacity: chunkCount)
        case .some(let some): bits = some
        }
        holdings = .all
        let wasThere = bits.remove(chunk)
        holdings = .some(bits)
        flags.remove(.complete)
        return wasThere
    }

    /// Takes one frame's bitmap in. False if it breaks the rules of the message.
    mutating func take(_ part: Holdings) -> Bool {
        let first = Int(part.firstChunk)
        if flags.contains(.complete) { return first == 0 && part.bitmap.isEmpty }
        guard case .some(var bits) = holdings else { return false }
        if first == 0, part.bitmap.isEmpty { return true }
        let byteCount = (chunkCount + 7) / 8
        guard first % 8 == 0, !part.bitmap.isEmpty, first / 8 + part.bitmap.count <= byteCount else { return false }
        holdings = .all
        let isSound = bits.replace(from: first, with: part.bitmap)
        holdings = .some(bits)
        let end = first + part.bitmap.count * 8
        nextPart = end < chunkCount ? end : nil
        return isSound
    }
}
