/// Where in a buffer bytes go: parts of one length, the last perhaps shorter, with gaps for whatever belongs between.
public struct BufferParts: Hashable, Sendable {
    let first: Int
    let byteCount: Int
    let gap: Int

    /// - Parameters:
    ///   - first: where the first part begins.
    ///   - byteCount: a part's length.
    ///   - gap: bytes between two parts.
    public init(first: Int, byteCount: Int, gap: Int) {
        precondition(first >= 0 && byteCount > 0 && gap >= 0, "parts of \(byteCount) bytes from \(first) on")
        self.first = first
        self.byteCount = byteCount
        self.gap = gap
    }

    /// From one part's start to the next one's.
    var stride: Int { byteCount + gap }

    /// Where the last of `count` bytes ends.
    func end(of count: Int) -> Int { count == 0 ? first : first + count + (count - 1) / byteCount * gap }

    /// Where the part is that begins after `done` of `count` bytes.
    func range(after done: Int, of count: Int) -> Range<Int> {
        let start = first + done / byteCount * stride
        return start..<start + min(byteCount, count - done)
    }
}
