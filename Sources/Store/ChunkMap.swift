internal import Files
internal import Manifest
internal import Units

/// Files of one variant and their chunks: manifest and layout, and where each chunk goes. Immutable; the loop and the
/// pool's jobs share it. Takes 16 bytes a use of a chunk.
final class ChunkMap: Sendable {
    let key: VariantKey
    let model: ModelName
    let files: [FileEntry]
    let layout: Layout
    /// The chunks that the files consist of.
    let needed: ChunkSet
    let byteCount: ByteCount
    /// What the distinct chunks of the files have together.
    let distinctByteCount: ByteCount
    /// The files' places in the layout's order, which has the files of all variants; ascending.
    private let layoutFiles: [Int]
    private let placements: PlacementTable

    /// All files of a variant. O(chunks).
    /// - Throws: `.notFound` if the manifest has no such variant, `.refused` if the layout is not the manifest's.
    convenience init(key: VariantKey, manifest: Manifest, layout: Layout) throws(StoreError) {
        guard let range = manifest.fileRange(of: key.variant), let variant = manifest.variant(key.variant) else {
            let names = manifest.variants.map(\.name.text).joined(separator: ", ")
            throw StoreError(.notFound, "attach", of: key.description, "the version has only the variants \(names)")
        }
        do {
            try layout.check(against: manifest)
        } catch {
            throw StoreError(.refused, "attach", of: key.description, "the layout is not the manifest's: \(error)")
        }
        self.init(key, manifest.model, layout, files: Array(zip(range, variant.files)))
    }

    /// Some of another's files. O(chunks).
    convenience init(_ whole: ChunkMap, only numbers: [Int]) {
        self.init(
            whole.key, whole.model, whole.layout,
            files: numbers.sorted().map { (whole.layoutFiles[$0], whole.files[$0]) })
    }

    private init(_ key: VariantKey, _ model: ModelName, _ layout: Layout, files: [(number: Int, entry: FileEntry)]) {
        self.key = key
        self.model = model
        self.layout = layout
        self.files = files.map(\.entry)
        layoutFiles = files.map(\.number)
        byteCount = self.files.reduce(0) { $0 + $1.byteCount }
        needed = layout.chunkSet(ofFiles: layoutFiles)
        distinctByteCount = layout.byteCount(of: needed)
        placements = PlacementTable(layout, files: layoutFiles)
    }

    /// Everywhere where a chunk occurs in these files.
    /// - Precondition: the index is in the version's table.
    func places(of index: ChunkIndex) -> some Collection<ChunkPlace> {
        placements[index].lazy.map { ChunkPlace(file: $0.file, offset: $0.offset) }
    }

    /// The table indices of a file's chunks.
    func chunks(ofFile file: Int) -> ArraySlice<UInt32> { layout.chunks(ofFile: layoutFile(file)) }

    /// A file's place in the layout's order.
    func layoutFile(_ file: Int) -> Int { layoutFiles[file] }
}

/// A place where a chunk occurs: a file by its number in the map.
struct ChunkPlace: Hashable, Sendable {
    let file: Int
    let offset: ByteOffset
}
