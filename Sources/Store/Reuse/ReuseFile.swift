internal import Files
internal import Manifest
internal import Units

/// A file on this machine that may hold bytes of a version which is to be fetched, with the table of its chunks.
struct ReuseFile: Sendable {
    /// Where it is.
    enum Place: Hashable, Sendable {
        case inStore(StorePath)
        /// A file of the user's, which may change at any moment.
        case outside(String)
    }

    let place: Place
    let entry: FileEntry
    let layout: Layout
    /// The file's place in the layout's order.
    let number: Int
    /// What may be taken from it; nil for all.
    let available: ChunkSet?

    var chunks: ArraySlice<UInt32> { layout.chunks(ofFile: number) }

    func offers(_ index: ChunkIndex) -> Bool { available?.contains(index) ?? true }

    /// True if the file is what its digest says, as far as is known.
    var isWhole: Bool { chunks.allSatisfy { offers(ChunkIndex($0)) } }

    func open(in fileSystem: any StoreFileSystem) throws(FileError) -> any ReadableFile {
        switch place {
        case .inStore(let path): try fileSystem.open(path, for: .reading)
        case .outside(let path): try OutsideFile(path: path)
        }
    }
}

extension ChunkMap {
    /// The variant's files, for others to take from.
    func reuseFiles(in folder: StorePath, available: ChunkSet) -> [ReuseFile] {
        files.enumerated().map { number, entry in
            ReuseFile(
                place: .inStore(StorePaths.file(entry.path, in: folder)), entry: entry, layout: layout,
                number: layoutFile(number), available: available)
        }
    }
}
