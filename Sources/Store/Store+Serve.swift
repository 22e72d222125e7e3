public import Files
public import Manifest
public import Units

/// Serving: what may be offered, and its bytes.
extension Store {
    /// Makes a committed variant servable: the store keeps its layout from now on.
    ///
    /// - Returns: the chunks that may be offered: all of the variant but those that are known or suspected to be
    ///   damaged.
    /// - Throws: `.notFound` if it is not committed here, `.refused` if the layout is another version's.
    @discardableResult
    public func attach(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName
    ) async throws(StoreError) -> ChunkSet {
        let key = VariantKey(version: manifest.digest, variant: variant)
        let body = manifest.value
        let map = try await onPool { () throws(StoreError) in
            try ChunkMap(key: key, manifest: body, layout: layout)
        }
        guard let entry = entry(key), let record = entry.record else {
            throw StoreError(.notFound, "attach", of: "\(key)", "this variant is not complete here")
        }
        let available = entry.trustedChunks(map, record)
        entry.map = map
        entry.available = available
        return available
    }

    /// The chunks of a version that are here, verified, and may be offered, over all its variants; nil if none is
    /// attached or being fetched.
    public func available(_ version: Digest) -> ChunkSet? {
        var union: ChunkSet?
        for available in entries(of: version).compactMap(\.available) {
            guard union != nil else {
                union = available
                continue
            }
            for index in available.indices { union?.insert(index) }
        }
        return union
    }

    /// The chunks of one variant that are here, verified; nil if it is neither attached nor being fetched.
    public func available(of key: VariantKey) -> ChunkSet? { entry(key)?.available }

    /// Part of a chunk, for a neighbour: cached reads on the loop, into parts of a buffer that can be used again.
    ///
    /// What is sent, the receiver verifies; nothing is hashed here.
    /// - Parameter parts: where the bytes go. `offset` counts from the start of the chunk.
    /// - Throws: `.notFound` if the chunk is not available here (any more), `.refused` if the range leaves the chunk,
    ///   else the disk's error: have it rechecked.
    public func readChunk(
        _ version: Digest, _ index: ChunkIndex, offset: ByteOffset, byteCount: Int, into buffer: inout [UInt8],
        _ parts: BufferParts
    ) throws(StoreError) {
        guard let chunk = try find(index, of: version) else {
            throw StoreError(.notFound, "read chunk", of: "\(version.short)[\(index)]", "the chunk is not here")
        }
        guard offset.value + Int64(byteCount) <= chunk.byteCount.value else {
            throw StoreError(.refused, "read chunk", of: "\(version.short)[\(index)]", "the chunk ends before that")
        }
        do throws(FileError) {
            try chunk.file.read(
                into: &buffer, parts, byteCount: byteCount, at: chunk.offset + ByteCount(offset.value))
        } catch {
            throw StoreError(error, "read chunk")
        }
    }

    /// The same, in an array of its own.
    public func readChunk(
        _ version: Digest, _ index: ChunkIndex, offset: ByteOffset, byteCount: Int
    ) throws(StoreError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let whole = BufferParts(first: 0, byteCount: max(1, byteCount), gap: 0)
        try readChunk(version, index, offset: offset, byteCount: byteCount, into: &bytes, whole)
        return bytes
    }

    /// Where a chunk can be read: in its variant, or in the file that is to take a damaged one's place.
    private func find(_ index: ChunkIndex, of version: Digest) throws(StoreError) -> FilePart? {
        for entry in entries(of: version) {
            if entry.available?.contains(index) == true, let map = entry.map, let place = map.places(of: index).first {
                return part(index, at: place, in: map, try reader(of: place.file, map, entry))
            }
            if let repair = entry.repair, repair.have.contains(index) {
                let map = repair.assembly.map
                guard let place = map.places(of: index).first else { continue }
                let file = try doing("read chunk") { () throws(FileError) in try repair.assembly.file(place.file) }
                return part(index, at: place, in: map, file)
            }
        }
        return nil
    }

    private func part(_ index: ChunkIndex, at place: ChunkPlace, in map: ChunkMap, _ file: any StoreFile) -> FilePart {
        FilePart(of: file, from: place.offset, byteCount: ByteCount(map.layout.byteCount(of: index)))
    }

    private func reader(
        of file: Int, _ map: ChunkMap, _ entry: VariantEntry
    ) throws(StoreError) -> any StoreFile {
        let readerKey = ReaderKey(key: entry.key, file: file)
        if let open = readers[readerKey] { return open }
        let (path, fileSystem) = (map.files[file].path, fileSystem)
        let opened: any StoreFile
        do throws(FileError) {
            opened = try fileSystem.open(StorePaths.file(path, in: entry.folder(map)), for: .reading)
        } catch {
            // A commit moves the folder before it says so.
            guard error.isNotFound, entry.record == nil else { throw StoreError(error, "read chunk") }
            opened = try doing("read chunk") { () throws(FileError) in
                try fileSystem.open(
                    StorePaths.file(path, in: StorePaths.committed(map.model, entry.key)), for: .reading)
            }
        }
        readers.insert(opened, for: readerKey)
        return opened
    }
}
