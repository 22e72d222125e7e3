internal import EventLoop
internal import Files
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

    /// Puts the DATA frames of the next piece into `frames`.
    ///
    /// The chunk is cut into equal frames that fill a TLS record each at most, and the frames into about equal pieces.
    /// - Parameter byteCountMax: payload that a piece has at most, about.
    func nextFrames(from store: Store, atMost byteCountMax: Int, into frames: inout [UInt8]) throws(StoreError) {
        let header = DataFrame.headerByteCount
        let count = min(pieceByteCount(atMost: byteCountMax), byteCount - offset)
        let frameCount = (count + framePayloadByteCount - 1) / framePayloadByteCount
        resize(&frames, to: count + frameCount * header)
        let parts = BufferParts(first: header, byteCount: framePayloadByteCount, gap: header)
        try store.readChunk(version, chunk, offset: ByteOffset(offset), byteCount: count, into: &frames, parts)
        for frame in 0..<frameCount {
            let start = frame * framePayloadByteCount
            DataFrame.writeHeader(
                request: id.request, offset: UInt32(offset + start),
                payloadByteCount: min(framePayloadByteCount, count - start), to: &frames, at: start + frame * header)
        }
        offset += count
        lastByteCount = count
    }

    private var framePayloadByteCount: Int {
        let frameCount = (byteCount + DataFrame.payloadByteCountPerRecord - 1) / DataFrame.payloadByteCountPerRecord
        return (byteCount + frameCount - 1) / frameCount
    }

    private func pieceByteCount(atMost byteCountMax: Int) -> Int {
        guard byteCountMax > framePayloadByteCount else { return byteCountMax }
        let frameCount = (byteCount + framePayloadByteCount - 1) / framePayloadByteCount
        let usual = byteCountMax / Limits.dataFrameByteCount
        let pieceCount = max(1, (frameCount + usual / 4) / usual)
        return (frameCount + pieceCount - 1) / pieceCount * framePayloadByteCount
    }

    /// Neither zeroes nor copies what stays.
    private func resize(_ frames: inout [UInt8], to count: Int) {
        if frames.count > count {
            frames.removeLast(frames.count - count)
        } else if frames.count < count {
            frames.append(contentsOf: repeatElement(0, count: count - frames.count))
        }
    }
}
