public import Units

extension Layout {
    /// Reads the canonical encoding and nothing else; O(n log n) for the search for equal digests, otherwise O(n).
    ///
    /// Written over the array rather than with `ByteReader`, since a layout has up to twelve million fields.
    /// - Throws: `.unknownFormat` (upgrade this agent), or another code (the bytes are no layout).
    public init(decoding bytes: [UInt8]) throws(DocumentError) {
        guard bytes.count <= Limits.layoutByteCountMax else { throw Self.fail(.outOfRange, "size") }
        var position = 0
        guard bytes.count >= 2 else { throw Self.fail(.truncated, "format") }
        let format = Int(bytes[0]) << 8 | Int(bytes[1])
        guard format >= 1 else { throw Self.fail(.invalid, "format") }
        guard format == 1 else { throw Self.fail(.unknownFormat, "format", "format \(format)") }
        position = 2
        let (digests, lengths) = try Self.readTable(bytes, &position)
        let (starts, uses) = try Self.readFiles(bytes, &position, chunkCount: digests.count)
        guard position == bytes.count else { throw Self.fail(.trailing, "end") }
        self.init(unchecked: digests, lengths: lengths, starts: starts, uses: uses)
    }

    /// Reads the layout that `manifest` names: checks size and digest before it parses, and then that both agree.
    /// - Throws: what is wrong; `.disagreement` with field `digest` if these are other bytes than those that were asked
    ///   for.
    public init(_ bytes: [UInt8], of manifest: Manifest, sha256: SHA256Function) throws(DocumentError) {
        guard bytes.count == Int(manifest.layout.byteCount) else { throw Self.fail(.disagreement, "size") }
        guard Self.digest(of: bytes, sha256: sha256) == manifest.layout.digest else {
            throw Self.fail(.disagreement, "digest")
        }
        try self.init(decoding: bytes)
        try check(against: manifest)
    }

    /// Compares counts, sizes and the way of cutting with what the manifest says.
    /// - Throws: `.disagreement`, with the field in which they differ.
    public func check(against manifest: Manifest) throws(DocumentError) {
        guard chunkCount == Int(manifest.layout.chunkCount) else { throw Self.fail(.disagreement, "chunks") }
        guard encodedByteCount == Int(manifest.layout.byteCount) else { throw Self.fail(.disagreement, "size") }
        guard fileCount == manifest.fileCount else { throw Self.fail(.disagreement, "files") }
        for (index, file) in manifest.files.enumerated() where byteCount(ofFile: index) != file.byteCount {
            throw Self.fail(.disagreement, "file", "\(file.path) has another size")
        }
        guard lengths.allSatisfy({ $0 <= manifest.chunking.largest }) else {
            throw Self.fail(.disagreement, "chunk length", "above the largest of the manifest")
        }
        guard manifest.chunking.algorithm == .fixed else { return }
        for file in 0..<fileCount {
            guard chunks(ofFile: file).dropLast().allSatisfy({ lengths[Int($0)] == manifest.chunking.largest }) else {
                throw Self.fail(.disagreement, "chunk length", "a chunk before a file's last has not the fixed size")
            }
        }
    }

    private static func readTable(
        _ bytes: [UInt8], _ position: inout Int
    ) throws(DocumentError) -> (digests: [Digest], lengths: [UInt32]) {
        let count = try readInteger(bytes, &position, "chunks")
        guard count <= Limits.chunkCountMax else { throw fail(.outOfRange, "chunks") }
        guard (bytes.count - position) / 36 >= Int(count) else { throw fail(.truncated, "chunks") }
        var digests: [Digest] = []
        var lengths: [UInt32] = []
        digests.reserveCapacity(Int(count))
        lengths.reserveCapacity(Int(count))
        for _ in 0..<Int(count) {
            digests.append(Digest(exactly: Array(bytes[position..<position + 32])))
            position += 32
            let length = try readInteger(bytes, &position, "chunk length")
            guard length >= 1, length <= Limits.chunkByteCountMax else { throw fail(.outOfRange, "chunk length") }
            lengths.append(length)
        }
        // Sorting takes less memory than a set.
        guard isAscending(digests.sorted()) else { throw fail(.invalid, "chunks", "a digest is there twice") }
        return (digests, lengths)
    }

    private static func readFiles(
        _ bytes: [UInt8], _ position: inout Int, chunkCount: Int
    ) throws(DocumentError) -> (starts: [Int], uses: [UInt32]) {
        let fileCount = try readInteger(bytes, &position, "files")
        guard fileCount <= Limits.fileCountMax else { throw fail(.outOfRange, "files") }
        var starts = [0]
        var uses: [UInt32] = []
        uses.reserveCapacity((bytes.count - position) / 4)
        var nextFirstUse: UInt32 = 0
        for _ in 0..<fileCount {
            let count = try readInteger(bytes, &position, "file")
            guard (bytes.count - position) / 4 >= Int(count) else { throw fail(.truncated, "file") }
            for _ in 0..<count {
                let index = try readInteger(bytes, &position, "file")
                guard index < chunkCount else { throw fail(.outOfRange, "file", "chunk \(index) of \(chunkCount)") }
                guard index <= nextFirstUse else { throw fail(.invalid, "file", "chunk \(index) comes too early") }
                if index == nextFirstUse { nextFirstUse += 1 }
                uses.append(index)
            }
            starts.append(uses.count)
        }
        guard nextFirstUse == chunkCount else { throw fail(.invalid, "chunks", "one is never used") }
        return (starts, uses)
    }

    private static func readInteger(
        _ bytes: [UInt8], _ position: inout Int, _ field: StaticString
    ) throws(DocumentError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw fail(.truncated, field.description) }
        defer { position += 4 }
        return UInt32(bytes[position]) << 24 | UInt32(bytes[position + 1]) << 16 | UInt32(bytes[position + 2]) << 8
            | UInt32(bytes[position + 3])
    }

    private static func fail(_ code: DocumentError.Code, _ field: String, _ detail: String = "") -> DocumentError {
        DocumentError(code, document: "layout", field: field, detail: detail)
    }
}
