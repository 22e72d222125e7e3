internal import EventLoop
internal import Files
public import Manifest
internal import Units

/// Taking over what a publisher staged.
extension Store {
    /// Makes a published version complete here: moves it from its staging folder to its place, durably.
    ///
    /// The publisher hashed the staged files; sizes and names are compared once more. May be called again after any
    /// failure, and with a version that is complete here already, whose staging folder is then deleted.
    /// - Parameter staging: the name that the publisher gave, `publish-…`.
    /// - Throws: `.refused` if the name is no publisher's or nothing is staged under it, `.corrupt` if the files are
    ///   not the manifest's; `.diskFull`, `.io` and others.
    @discardableResult
    public func adopt(
        _ staging: String, _ manifest: Verified<Manifest>, _ layout: Layout
    ) async throws(StoreError) -> [CommittedVariant] {
        let folder = try Self.publishedFolder(staging)
        await structure.enter()
        defer { structure.leave() }
        let (fileSystem, body, version) = (fileSystem, manifest.value, manifest.digest)
        var adopted: [CommittedVariant] = []
        for variant in body.variants {
            let key = VariantKey(version: version, variant: variant.name)
            if committed(key) == nil {
                let removal = VariantRemoval(fileSystem: fileSystem)
                let hadAssembly = entry(key) != nil
                if let entry = entry(key) { drop(entry) }
                let (map, record) = try await onPool { () throws(StoreError) in
                    if hadAssembly { try removal.removeAssembly(key) }
                    let map = try ChunkMap(key: key, manifest: body, layout: layout)
                    return (map, try Self.adopt(map, from: folder, in: fileSystem))
                }
                let entry = VariantEntry(found: FoundVariant(record: record, suspectFiles: []))
                if let other = self.entry(key) { drop(other) }
                entry.map = map
                entry.available = map.needed
                add(entry)
            }
            if let done = committed(key) { adopted.append(done) }
        }
        try await onPool { () throws(StoreError) in
            try doing("adopt") { () throws(FileError) in try fileSystem.removeTree(folder) }
        }
        return adopted
    }

    private nonisolated static func adopt(
        _ map: ChunkMap, from folder: StorePath, in fileSystem: any StoreFileSystem
    ) throws(StoreError) -> VariantRecord {
        let source = try doing("adopt") { () throws(FileError) in try folder.appending(map.key.variant.text) }
        for entry in map.files {
            let path = StorePaths.file(entry.path, in: source)
            let target = StorePaths.file(entry.path, in: StorePaths.committed(map.model, map.key))
            let status = try doing("adopt") { () throws(FileError) -> FileStatus? in
                if let staged = try fileSystem.statusIfPresent(path) { return staged }
                return try fileSystem.statusIfPresent(target)
            }
            guard let status, status.kind == .file, status.byteCount == entry.byteCount else {
                throw StoreError(
                    .corrupt, "adopt", of: "\(path)", "the staged file is not the manifest's: publish again")
            }
        }
        var received = ReceivedBytes()
        received.local = map.distinctByteCount
        switch VariantCommit(fileSystem: fileSystem, map: map, source: source, received: received).run() {
        case .done(let record): return record
        case .failed(let error), .lostFile(let error): throw error
        }
    }

    private static func publishedFolder(_ name: String) throws(StoreError) -> StorePath {
        guard name.hasPrefix(StorePaths.publishPrefix), name.utf8.count <= Limits.namePartByteCountMax,
            VariantName(name) != nil
        else {
            throw StoreError(.refused, "adopt", of: name, "no name of a publisher's staging folder")
        }
        return StorePaths.inStaging(name)
    }
}
