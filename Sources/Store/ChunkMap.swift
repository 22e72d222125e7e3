internal import Files
internal import Manifest
internal import Units

/// One variant's files and chunks: manifest and layout, and where each chunk goes. Immutable; the loop and the pool's
/// jobs share it. Takes 16 bytes a use of a chunk.
final class ChunkMap: Sendable {
    let key: VariantKey
    let model: ModelName
    let files: [FileEntry]
    let layout: Layout
    /// The chunks that the variant consists of.
    let needed: ChunkSet
    let byteCount: ByteCount
    /// What the distinct chunks of the variant have together.
    let distinctByteCount: ByteCount
    private let firstFile: Int
    private let placements: PlacementTable

    /// O(chunks).
    /// - Throws: `.notFound` if the manifest has no such variant, `.refused` if the layout is not the manifest's.
    init(key: VariantKey, manifest: Manifest, layout: Layout) throws(StoreError) {
        guard let range = manifest.fileRange(of: key.variant), let variant = manifest.variant(key.variant) else {
            let names = manifest.variants.map(\.name.text).joined(separator: ", ")
            throw StoreError(.notFound, "attach", of: key.description, "the version has only the variants \(names)")
        }
        do {
            try layout.check(against: manifest)
        } catch {
            throw StoreError(.refused, "attach", of: key.description, "the layout is not the manifest's: \(error)")
        }
        self.key = key
        self.layout = layout
        model = manifest.model
        files = variant.files
        byteCount = variant.byteCount
        firstFile = range.lowerBound
        needed = layout.chunkSet(ofFiles: range)
        distinctByteCount = layout.byteCount(of: needed)
        placements = PlacementTable(layout, files: range)
    }

    /// Everywhere where a chunk occurs in this variant.
    /// - Precondition: the index is in the version's table.
    func places(of index: ChunkIndex) -> some Collection<ChunkPlace> {
        let firstFile = firstFile
        return placements[index].lazy.map { ChunkPlace(file: $0.file - firstFile, offset: $0.offset) }
    }

    /// The table indices of a file's chunks.
    func chunks(ofFile file: Int) -> ArraySlice<UInt32> { layout.chunks(ofFile: layoutFile(file)) }

    /// A file's place in the layout's order, which has the files of all variants.
    func layoutFile(_ file: Int) -> Int { firstFile + file }
}

/// A place where a chunk occurs: a file by its number in the variant.
struct ChunkPlace: Hashable, Sendable {
    let file: Int
    let offset: ByteOffset
}
