internal import EventLoop
internal import Units
internal import Wire

/// Frames that carry documents.
enum DocumentSender {
    /// PARTs of a whole document, a bounded batch at each call: a source for a link's bulk queue.
    @LoopActor
    static func parts(of bytes: [UInt8], for request: RequestID) -> BulkQueue.Source {
        var offset = 0
        return { byteCountMax in
            var frames: [UInt8] = []
            while offset < bytes.count, frames.count < byteCountMax {
                let end = min(bytes.count, offset + min(Limits.dataFrameByteCount, byteCountMax))
                let part = Part(
                    request: request, total: UInt32(bytes.count), offset: UInt32(offset),
                    bytes: Array(bytes[offset..<end]))
                Message.part(part).append(to: &frames)
                offset = end
            }
            return frames
        }
    }

    /// DOCUMENT frames, one after the other.
    static func frames(_ envelopes: some Sequence<(kind: DocumentFrame.Kind, envelope: [UInt8])>) -> [UInt8] {
        var frames: [UInt8] = []
        for document in envelopes {
            Message.document(DocumentFrame(kind: document.kind, envelope: document.envelope)).append(to: &frames)
        }
        return frames
    }
}
