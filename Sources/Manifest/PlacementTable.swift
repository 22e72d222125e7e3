public import Units

/// Where a chunk goes: a file of the version, and an offset in it.
public struct Placement: Hashable, Sendable {
    /// The file's place among those that the table was made for.
    public let file: Int
    /// Where in the file the chunk begins.
    public let offset: ByteOffset

    /// A place.
    public init(file: Int, offset: ByteOffset) {
        self.file = file
        self.offset = offset
    }
}

/// For each chunk of a layout, everywhere that it goes. Takes 16 bytes a use; keep it only while a version is
/// assembled.
public struct PlacementTable: Sendable {
    private let starts: [Int]
    private let placements: [Placement]

    /// The placements in some of the layout's files, for example those of one variant; O(uses).
    public init(_ layout: Layout, files: some Sequence<Int>) {
        let files = Array(files)
        var starts = [Int](repeating: 0, count: layout.chunkCount + 1)
        for file in files {
            for chunk in layout.chunks(ofFile: file) { starts[Int(chunk) + 1] += 1 }
        }
        for chunk in 0..<layout.chunkCount { starts[chunk + 1] += starts[chunk] }
        var next = starts
        var placements = [Placement](repeating: Placement(file: 0, offset: 0), count: starts[layout.chunkCount])
        for (place, file) in files.enumerated() {
            var offset: Int64 = 0
            for chunk in layout.chunks(ofFile: file) {
                placements[next[Int(chunk)]] = Placement(file: place, offset: ByteOffset(offset))
                next[Int(chunk)] += 1
                offset += Int64(layout.lengths[Int(chunk)])
            }
        }
        self.starts = starts
        self.placements = placements
    }

    /// The placements in all files.
    public init(_ layout: Layout) { self.init(layout, files: 0..<layout.fileCount) }

    /// Where a chunk goes, in ascending order of (file, offset); empty if none of the files uses it.
    public subscript(chunk: ChunkIndex) -> ArraySlice<Placement> {
        placements[starts[chunk.int]..<starts[chunk.int + 1]]
    }
}
