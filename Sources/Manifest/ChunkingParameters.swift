internal import Units

/// How a version's files were cut.
public struct ChunkingParameters: Hashable, Sendable {
    /// The number in the manifest.
    public enum Algorithm: UInt8, Hashable, Sendable {
        /// Every chunk of a file but the last has one size.
        case fixed = 1
        /// Content decides the cuts.
        case content = 2
    }

    /// How the cuts were found.
    public let algorithm: Algorithm
    /// The smallest chunk, but for those at a file's end.
    public let smallest: UInt32
    /// The average that the cutter aimed at.
    public let average: UInt32
    /// The largest chunk.
    public let largest: UInt32

    /// Parameters as they are; `Manifest` checks them.
    public init(algorithm: Algorithm, smallest: UInt32, average: UInt32, largest: UInt32) {
        self.algorithm = algorithm
        self.smallest = smallest
        self.average = average
        self.largest = largest
    }

    /// Cuts at one size.
    public static func fixed(_ byteCount: UInt32) -> ChunkingParameters {
        ChunkingParameters(algorithm: .fixed, smallest: byteCount, average: byteCount, largest: byteCount)
    }

    /// The most distinct chunks that a version may have.
    public var chunkCountMax: Int {
        switch algorithm {
        case .fixed: Limits.fixedChunkCountMax
        case .content: Limits.chunkCountMax
        }
    }

    func validate() throws(DocumentError) {
        func fail(_ detail: String) -> DocumentError {
            DocumentError(.invalid, document: "manifest", field: "chunk sizes", detail: detail)
        }
        switch algorithm {
        case .fixed:
            guard smallest == average, average == largest else { throw fail("not equal") }
            let range = Limits.chunkByteCountMin...Limits.chunkByteCountMax
            guard range.contains(Int(largest)), largest.nonzeroBitCount == 1 else {
                throw fail("\(largest) is no power of two from \(range.lowerBound) to \(range.upperBound)")
            }
        case .content:
            guard smallest >= 1, smallest <= average, average <= largest, largest <= Limits.chunkByteCountMax else {
                throw fail("\(smallest), \(average), \(largest)")
            }
        }
    }
}
