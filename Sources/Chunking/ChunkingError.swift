internal import Units

/// A version cannot be cut within the limits.
public struct ChunkingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// How many distinct chunks a version may have.
    public let distinctChunkCountMax: Int

    /// What is wrong and what to do.
    public var description: String {
        "the files have more than \(distinctChunkCountMax) distinct chunks: publish fewer files, or split the model"
    }
}

extension FixedCuts {
    /// Refuses a version of more distinct chunks than fixed cuts allow.
    /// - Parameter count: the distinct chunks so far, over all files.
    public static func requireDistinctChunkCount(_ count: Int) throws(ChunkingError) {
        guard count <= Limits.fixedChunkCountMax else {
            throw ChunkingError(distinctChunkCountMax: Limits.fixedChunkCountMax)
        }
    }
}
