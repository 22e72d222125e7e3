internal import Manifest
internal import Units

/// Which chunks are missing, to be found by their digests. Takes 4 bytes a chunk: a table of digests would take more
/// than all else together.
struct WantedChunks: Sendable {
    private let layout: Layout
    /// Ascending by digest.
    private let indices: [UInt32]

    /// O(n log n).
    init(_ missing: ChunkSet, of layout: Layout) {
        self.layout = layout
        let digests = layout.digests
        indices = missing.indices.map(\.value).sorted { digests[Int($0)] < digests[Int($1)] }
    }

    /// O(log n); nil if no chunk that is missing has this digest.
    func index(of digest: Digest) -> ChunkIndex? {
        var (low, high) = (0, indices.count)
        while low < high {
            let middle = (low + high) / 2
            if layout.digests[Int(indices[middle])] < digest { low = middle + 1 } else { high = middle }
        }
        guard low < indices.count, layout.digests[Int(indices[low])] == digest else { return nil }
        return ChunkIndex(indices[low])
    }
}
