public import Units

/// Makes a canonical layout while a publisher cuts files: files in the manifest's order, each one's chunks in the
/// file's order. A chunk that was there before becomes another use of the same entry.
public struct LayoutBuilder: Sendable {
    private var indexByDigest: [Digest: UInt32] = [:]
    private var digests: [Digest] = []
    private var lengths: [UInt32] = []
    private var starts = [0]
    private var uses: [UInt32] = []

    /// Without files yet.
    public init() {}

    /// Distinct chunks so far: for a publisher that watches the bound of its chunking.
    public var chunkCount: Int { digests.count }

    /// Adds a chunk to the file that is open; true if it is new to the table.
    /// - Precondition: `byteCount` is 1 to 4,194,304, and a digest always comes with the same one.
    @discardableResult
    public mutating func append(_ digest: Digest, byteCount: Int) -> Bool {
        precondition((1...Limits.chunkByteCountMax).contains(byteCount), "a chunk of \(byteCount) bytes")
        if let index = indexByDigest[digest] {
            precondition(lengths[Int(index)] == byteCount, "chunk \(digest.short) has two lengths")
            uses.append(index)
            return false
        }
        let index = UInt32(digests.count)
        indexByDigest[digest] = index
        digests.append(digest)
        lengths.append(UInt32(byteCount))
        uses.append(index)
        return true
    }

    /// Ends the file that is open (an empty one, if nothing was added) and opens the next.
    public mutating func endFile() { starts.append(uses.count) }

    /// The layout of all files that were ended.
    /// - Throws: `.outOfRange` if there are more chunks, files or bytes than a layout may have: use larger chunks.
    /// - Precondition: every file was ended.
    public consuming func finish() throws(DocumentError) -> Layout {
        precondition(starts.last == uses.count, "a file was not ended")
        func fail(_ field: String, _ detail: String) -> DocumentError {
            DocumentError(.outOfRange, document: "layout", field: field, detail: detail)
        }
        guard digests.count <= Limits.chunkCountMax else {
            throw fail("chunks", "\(digests.count); \(Limits.chunkCountMax) are the most")
        }
        guard starts.count - 1 <= Limits.fileCountMax else {
            throw fail("files", "\(starts.count - 1); \(Limits.fileCountMax) are the most")
        }
        let layout = Layout(unchecked: digests, lengths: lengths, starts: starts, uses: uses)
        guard layout.encodedByteCount <= Limits.layoutByteCountMax else {
            throw fail("size", "\(layout.encodedByteCount) bytes; \(Limits.layoutByteCountMax) are the most")
        }
        return layout
    }
}
