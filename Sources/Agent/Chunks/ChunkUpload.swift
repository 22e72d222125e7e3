internal import EventLoop
internal import Store
internal import Swarm
internal import Units
internal import Wire

/// One chunk on its way to a neighbour, read a piece at a time so that little of it is in memory.
@LoopActor
final class ChunkUpload {
    let id: UploadID
    let version: Digest
    private let chunk: ChunkIndex
    private let byteCount: Int
    private var offset = 0
    /// Payload of the last piece.
    private(set) var lastByteCount = 0

    init(id: UploadID, version: Digest, chunk: ChunkIndex, byteCount: Int) {
        self.id = id
        self.version = version
        self.chunk = chunk
        self.byteCount = byteCount
    }

    var isFinished: Bool { offset == byteCount }

    /// DATA frames of the next piece.
    /// - Parameter byteCountMax: payload that it may have at most.
    func nextFrames(from store: Store, atMost byteCountMax: Int) throws(StoreError) -> [UInt8] {
        let count = min(byteCountMax, byteCount - offset)
        let bytes = try store.readChunk(version, chunk, offset: ByteOffset(offset), byteCount: count)
        let frameCount = (count + Limits.dataFrameByteCount - 1) / Limits.dataFrameByteCount
        var frames: [UInt8] = []
        frames.reserveCapacity(count + frameCount * DataFrame.headerByteCount)
        for start in stride(from: 0, to: count, by: Limits.dataFrameByteCount) {
            let end = min(count, start + Limits.dataFrameByteCount)
            DataFrame.append(
                request: id.request, offset: UInt32(offset + start), payload: bytes[start..<end], to: &frames)
        }
        offset += count
        lastByteCount = count
        return frames
    }
}
