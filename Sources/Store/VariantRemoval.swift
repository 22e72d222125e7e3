internal import Crypto
internal import Files
internal import Units

/// Takes variants off the disk: first out of their place by one rename each, then at leisure. A crash leaves them
/// either where they were or in the trash, which the next start empties. Blocks.
struct VariantRemoval {
    let fileSystem: any StoreFileSystem

    /// Removes a complete variant with its record.
    func removeCommitted(_ model: ModelName, _ key: VariantKey, wasPrevious: Bool) throws(StoreError) {
        try doing("remove") { () throws(FileError) in
            if wasPrevious { try fileSystem.removeIfPresent(StorePaths.previous(model)) }
            let folder = StorePaths.version(model, key.version)
            let trash = try moveToTrash(StorePaths.committed(model, key))
            try fileSystem.synchronizeDirectory(folder)
            try fileSystem.removeIfPresent(StorePaths.record(model, key))
            fileSystem.pruneEmpty(folder, upTo: StorePaths.models)
            try fileSystem.removeTree(trash)
        }
    }

    /// Removes what was assembled of a variant.
    func removeAssembly(_ key: VariantKey) throws(StoreError) {
        try doing("remove") { () throws(FileError) in
            let trash = try moveToTrash(StorePaths.assembly(key))
            try fileSystem.removeIfPresent(StorePaths.journal(key))
            fileSystem.pruneEmpty(StorePaths.staging(key.version), upTo: StorePaths.staging)
            try fileSystem.removeTree(trash)
        }
    }

    private func moveToTrash(_ folder: StorePath) throws(FileError) -> StorePath {
        let trash = StorePaths.inStaging(StorePaths.trashPrefix + Hex.encode(SecureRandom.bytes(8)))
        do throws(FileError) {
            try fileSystem.rename(folder, to: trash, target: .mustNotExist)
        } catch {
            if !error.isNotFound { throw error }
        }
        return trash
    }
}
