public import Units

/// The chunks of a version: one table of distinct chunks, and each file's list of them.
///
/// Invariant: flat arrays; read from the first file to the last, the first uses of the table's entries are 0, 1, 2 and
/// so on to the last; no digest is in it twice; each length is 1 to 4,194,304.
public struct Layout: Hashable, Sendable {
    /// The digest of each chunk.
    public let digests: [Digest]
    /// The bytes of each chunk.
    public let lengths: [UInt32]
    /// Where each file's chunks begin in `uses`, and the end.
    let starts: [Int]
    /// The files' chunks, one file after the other.
    let uses: [UInt32]

    /// Takes checked parts.
    init(unchecked digests: [Digest], lengths: [UInt32], starts: [Int], uses: [UInt32]) {
        self.digests = digests
        self.lengths = lengths
        self.starts = starts
        self.uses = uses
    }

    /// Distinct chunks.
    public var chunkCount: Int { digests.count }

    /// Files, over all variants, in the manifest's order.
    public var fileCount: Int { starts.count - 1 }

    /// What a chunk's SHA-256 must be.
    /// - Precondition: the index is below `chunkCount`, as for all that follow.
    public func digest(of chunk: ChunkIndex) -> Digest { digests[chunk.int] }

    /// A chunk's size.
    public func byteCount(of chunk: ChunkIndex) -> Int { Int(lengths[chunk.int]) }

    /// The table indices of a file's chunks, in the order of the file.
    /// - Precondition: the file is below `fileCount`.
    public func chunks(ofFile file: Int) -> ArraySlice<UInt32> { uses[starts[file]..<starts[file + 1]] }

    /// A file's size.
    public func byteCount(ofFile file: Int) -> ByteCount {
        ByteCount(chunks(ofFile: file).reduce(0 as Int64) { $0 + Int64(lengths[Int($1)]) })
    }

    /// The bytes of all distinct chunks: what a node that has nothing must fetch.
    public var distinctByteCount: ByteCount { ByteCount(lengths.reduce(0 as Int64) { $0 + Int64($1) }) }

    /// The bytes of some chunks.
    public func byteCount(of chunks: ChunkSet) -> ByteCount {
        ByteCount(chunks.indices.reduce(0 as Int64) { $0 + Int64(lengths[$1.int]) })
    }

    /// The chunks that some of the files need, for example those of one variant.
    public func chunkSet(ofFiles files: some Sequence<Int>) -> ChunkSet {
        var set = ChunkSet(capacity: chunkCount)
        for file in files {
            for use in chunks(ofFile: file) { set.insert(ChunkIndex(use)) }
        }
        return set
    }

    /// What a layout's digest begins with.
    public static let domain = "shoal/1 layout"

    /// The digest by which a manifest names a layout.
    public static func digest(of bytes: [UInt8], sha256: SHA256Function) -> Digest {
        sha256([Array(domain.utf8), [0], bytes])
    }

    /// The canonical bytes.
    public func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encodedByteCount)
        bytes.append(contentsOf: [0, 1])
        bytes.appendBigEndian(UInt32(chunkCount))
        for (digest, length) in zip(digests, lengths) {
            bytes.append(contentsOf: digest.bytes)
            bytes.appendBigEndian(length)
        }
        bytes.appendBigEndian(UInt32(fileCount))
        for file in 0..<fileCount {
            let chunks = chunks(ofFile: file)
            bytes.appendBigEndian(UInt32(chunks.count))
            for chunk in chunks { bytes.appendBigEndian(chunk) }
        }
        return bytes
    }

    /// What `encode()` takes.
    public var encodedByteCount: Int { 10 + 36 * chunkCount + 4 * fileCount + 4 * uses.count }

    /// What a manifest says of this layout.
    public func reference(sha256: SHA256Function) -> LayoutReference {
        let bytes = encode()
        return LayoutReference(
            digest: Self.digest(of: bytes, sha256: sha256), byteCount: UInt32(bytes.count),
            chunkCount: UInt32(chunkCount))
    }
}

extension [UInt8] {
    fileprivate mutating func appendBigEndian(_ value: UInt32) {
        append(UInt8(truncatingIfNeeded: value >> 24))
        append(UInt8(truncatingIfNeeded: value >> 16))
        append(UInt8(truncatingIfNeeded: value >> 8))
        append(UInt8(truncatingIfNeeded: value))
    }
}
