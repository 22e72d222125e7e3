internal import Units

/// Bytes that follow each other in a file that is here and in one that is being assembled.
struct ReuseRun: Hashable, Sendable {
    /// Which of the sources, and where in it.
    let source: Int
    let sourceOffset: Int64
    /// Which of the variant's files, and where in it.
    let file: Int
    let offset: Int64
    private(set) var byteCount: Int64 = 0
    /// The chunks that it consists of, in order.
    private(set) var chunks: [ChunkIndex] = []
    /// Whether it goes up to the end of both files.
    var endsBoth = false

    init(source: Int, sourceOffset: Int64, file: Int, offset: Int64) {
        self.source = source
        self.sourceOffset = sourceOffset
        self.file = file
        self.offset = offset
    }

    mutating func append(_ chunk: ChunkIndex, byteCount: Int) {
        chunks.append(chunk)
        self.byteCount += Int64(byteCount)
    }

    /// The part of which the two files can share the disk's blocks, from the run's begin: it starts and ends on blocks
    /// in both, or ends with both. Empty if there is none.
    var shareable: Range<Int64> {
        let block = Int64(Limits.reflinkBlockByteCount)
        guard offset % block == sourceOffset % block else { return 0..<0 }
        let lower = (block - offset % block) % block
        let upper = endsBoth ? byteCount : (offset + byteCount) / block * block - offset
        return lower < upper ? lower..<upper : 0..<0
    }
}
