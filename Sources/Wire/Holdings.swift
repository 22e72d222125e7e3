public import Units

/// Opens a version on a connection and says which chunks the sender holds; may come in several parts.
public struct Holdings: Hashable, Sendable {
    /// What else the sender says.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// As on the wire.
        public let rawValue: UInt8

        /// Any bits.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The sender lacks chunks and asks for them.
        public static let wants = Flags(rawValue: 1)
        /// The sender holds all; the bitmap is empty.
        public static let complete = Flags(rawValue: 2)
        /// The sender holds more than it announces, and offers it.
        public static let directing = Flags(rawValue: 4)
    }

    /// The manifest digest.
    public let version: Digest
    /// What else the sender says.
    public let flags: Flags
    /// Chunks of the version; at most 1,048,576. Whoever has the layout must compare.
    public let chunkCount: UInt32
    /// The chunk of the bitmap's first bit; a multiple of 8. With 0, the part replaces what was known.
    public let firstChunk: UInt32
    /// Chunk i of the part is bit `0x80 >> (i % 8)` of byte i / 8. At most 16,384 bytes, not beyond `chunkCount`.
    public let bitmap: [UInt8]

    /// - Precondition: the rules of the page; `problem` says which is broken.
    public init(version: Digest, flags: Flags, chunkCount: UInt32, firstChunk: UInt32 = 0, bitmap: [UInt8] = []) {
        self.init(unchecked: version, flags: flags, chunkCount: chunkCount, firstChunk: firstChunk, bitmap: bitmap)
        precondition(problem == nil, "HOLDINGS breaks its table: \(problem ?? "")")
    }

    init(unchecked version: Digest, flags: Flags, chunkCount: UInt32, firstChunk: UInt32, bitmap: [UInt8]) {
        self.version = version
        self.flags = flags
        self.chunkCount = chunkCount
        self.firstChunk = firstChunk
        self.bitmap = bitmap
    }

    /// The field that breaks a rule.
    var problem: String? {
        guard flags.isSubset(of: [.wants, .complete, .directing]) else { return "flags" }
        guard chunkCount <= Limits.chunkCountMax else { return "chunks of the version" }
        guard firstChunk.isMultiple(of: 8), firstChunk == 0 || firstChunk < chunkCount else { return "first chunk" }
        guard bitmap.count <= Limits.holdingsBitmapByteCountMax, bitmap.count <= (chunkCount - firstChunk + 7) / 8
        else {
            return "bitmap"
        }
        if bitmap.isEmpty { return firstChunk == 0 ? nil : "bitmap" }
        guard !flags.contains(.complete) else { return "bitmap" }
        let unusedBitCount = bitmap.count * 8 - Int(min(chunkCount - firstChunk, UInt32(bitmap.count * 8)))
        let unused = UInt8(truncatingIfNeeded: (1 << unusedBitCount) - 1)
        return bitmap[bitmap.count - 1] & unused == 0 ? nil : "bitmap"
    }

    /// True if no part follows: it reaches the last chunk, or says everything without a bitmap.
    public var isLastPart: Bool { bitmap.isEmpty || endChunk == chunkCount }

    /// The chunk after the last one that this part tells of; `firstChunk` if it has no bitmap.
    public var endChunk: UInt32 { min(chunkCount, firstChunk + UInt32(bitmap.count) * 8) }

    /// The chunks of this part that the sender holds, ascending. Of a complete version it is empty; look at `flags`.
    public var chunks: [ChunkIndex] {
        var chunks: [ChunkIndex] = []
        for (position, byte) in bitmap.enumerated() where byte != 0 {
            for bit in 0..<8 where byte & (0x80 >> UInt8(bit)) != 0 {
                chunks.append(ChunkIndex(firstChunk + UInt32(position * 8 + bit)))
            }
        }
        return chunks
    }

    /// The frames that say what is announced of a version: one, unless the bitmap is longer than a frame takes.
    ///
    /// A full set becomes `complete`, and a part is empty only if nothing is announced.
    public static func parts(version: Digest, announced: ChunkSet, flags: Flags = []) -> [Holdings] {
        let count = UInt32(announced.capacity)
        if announced.isFull {
            return [Holdings(version: version, flags: flags.union(.complete), chunkCount: count)]
        }
        let flags = flags.subtracting(.complete)
        if announced.isEmpty { return [Holdings(version: version, flags: flags, chunkCount: count)] }
        let bitmap = announced.bitmap
        return stride(from: 0, to: bitmap.count, by: Limits.holdingsBitmapByteCountMax).map { start in
            let end = min(bitmap.count, start + Limits.holdingsBitmapByteCountMax)
            return Holdings(
                version: version, flags: flags, chunkCount: count, firstChunk: UInt32(start * 8),
                bitmap: Array(bitmap[start..<end]))
        }
    }
}
