/// A version cannot be cut within the limits.
public struct ChunkingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How many distinct chunks a version may have.
    public let distinctChunkCountMax: Int

    /// What is wrong and what to do.
    public var description: String {
        "the files have more than \(distinctChunkCountMax) distinct chunks: publish fewer files, or split the model"
    }

    /// Refuses a version of too many distinct chunks.
    /// - Parameters:
    ///   - count: the distinct chunks so far, over all files.
    ///   - bound: what the manifest's way of cutting allows.
    public static func requireDistinctChunkCount(_ count: Int, atMost bound: Int) throws(ChunkingError) {
        guard count <= bound else { throw ChunkingError(distinctChunkCountMax: bound) }
    }
}
