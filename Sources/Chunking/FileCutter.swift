/// Cuts one file as its plan says. It is given the file's bytes from the first to the last, in pieces of any size, and
/// holds none of them.
public struct FileCutter: Sendable {
    private let lengths: [UInt32]
    private var content: ContentCutter
    private var contentLeft: Int64
    /// Which of the known lengths is open, and what is left of it.
    private var next = 0
    private var chunkLeft = 0

    /// Before the file's first byte.
    public init(_ plan: CutPlan, _ sizes: CutSizes) {
        lengths = plan.lengths
        contentLeft = plan.contentByteCount
        content = ContentCutter(sizes)
    }

    /// Looks at the bytes that follow; there must be some, and no more than the file has.
    /// - Returns: how many of them belong to the open chunk, at least one, and whether it ends with the last of these.
    public mutating func advance(_ bytes: borrowing RawSpan) -> (byteCount: Int, endsChunk: Bool) {
        precondition(bytes.byteCount > 0, "a cutter was given no bytes")
        guard contentLeft == 0 else { return advanceContent(bytes) }
        if chunkLeft == 0 {
            precondition(next < lengths.count, "more bytes than the file has")
            chunkLeft = Int(lengths[next])
            next += 1
        }
        let byteCount = min(chunkLeft, bytes.byteCount)
        chunkLeft -= byteCount
        return (byteCount, chunkLeft == 0)
    }

    private mutating func advanceContent(_ bytes: borrowing RawSpan) -> (byteCount: Int, endsChunk: Bool) {
        let available = Int(min(contentLeft, Int64(bytes.byteCount)))
        let (byteCount, endsChunk) = content.advance(bytes.extracting(0..<available))
        contentLeft -= Int64(byteCount)
        return (byteCount, endsChunk || contentLeft == 0)
    }
}
