public import Units

/// A version cannot be cut within the limits.
public struct ChunkingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How many distinct chunks a version may have.
    public let distinctChunkCountMax: Int

    /// What failed and what to do.
    public var description: String {
        "more than \(distinctChunkCountMax) distinct chunks: split the model into several, or publish fewer files"
    }
}

/// The distinct chunks of a version in the order of their first use, which is the order that a layout demands.
///
/// Invariant: `indices` has exactly the digests of `chunks`, each with its place.
public struct ChunkTable: Sendable {
    /// One distinct chunk.
    public struct Chunk: Hashable, Sendable {
        /// SHA-256 of its bytes.
        public let digest: Digest
        /// Its length.
        public let byteCount: ByteCount
    }

    /// The chunks found so far.
    public private(set) var chunks: [Chunk] = []
    private var indices: [Digest: ChunkIndex] = [:]
    private let countMax: Int

    /// - Parameter countMax: how many distinct chunks are too many, less one.
    public init(countMax: Int = Limits.fixedChunkCountMax) { self.countMax = countMax }

    /// The place of a chunk in the table; it is added at the end if it is new. Amortised O(1).
    /// - Throws: if the chunk is new and the table is full; the version cannot be published as it is.
    public mutating func index(of digest: Digest, byteCount: ByteCount) throws(ChunkingError) -> ChunkIndex {
        if let known = indices[digest] { return known }
        guard chunks.count < countMax else { throw ChunkingError(distinctChunkCountMax: countMax) }
        let index = ChunkIndex(UInt32(chunks.count))
        chunks.append(Chunk(digest: digest, byteCount: byteCount))
        indices[digest] = index
        return index
    }
}
