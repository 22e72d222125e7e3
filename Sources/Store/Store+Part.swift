internal import EventLoop
public import Manifest
public import Units

/// Parts: some files of a variant, put together beside the versions for somebody who copies them away.
extension Store {
    /// Begins to assemble some files of a variant. Chunks come through `writeChunk`; `available` tells what is here.
    ///
    /// - Parameter files: those that the variant does not have are left out.
    /// - Returns: what the files need and what of it was here, and the folder in which they come to be.
    /// - Throws: `.busy` if anything of the version is here, whole or not; `.diskFull` before the first byte.
    public func beginPart(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName, files: Set<FilePath>
    ) async throws(StoreError) -> (start: FetchStart, folder: String) {
        let key = VariantKey(version: manifest.digest, variant: variant)
        guard entries(of: key.version).isEmpty else {
            throw StoreError(
                .busy, "fetch a part", of: "\(key)",
                "all or another part of this version is being fetched: try again later, or get all of it")
        }
        let entry = VariantEntry(key: key, phase: .interrupted)
        entry.isPart = true
        add(entry)
        do throws(StoreError) {
            return (try await begin(entry, manifest, layout, only: files), "\(folder)/\(StorePaths.assembly(key))")
        } catch {
            await endPart(key)
            throw error
        }
    }

    /// Whether a part of a version is here or comes to be.
    public func hasPart(of version: Digest) -> Bool { entries(of: version).contains(where: \.isPart) }

    /// The part is no longer needed: it goes.
    public func endPart(_ key: VariantKey) async {
        guard let entry = entry(key), entry.isPart else { return }
        await structure.enter()
        defer { structure.leave() }
        // Removed or published meanwhile, what is there is another's.
        guard !entry.isRemoved else { return }
        drop(entry)
        let removal = VariantRemoval(fileSystem: fileSystem)
        try? await onPool { () throws(StoreError) in try removal.removeAssembly(key) }
    }
}
