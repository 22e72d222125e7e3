internal import EventLoop
public import Units

/// Giving space back.
extension Store {
    /// Whether a variant of a version is here, complete or not; a part that somebody copies away does not count.
    public func hasAny(of version: Digest) -> Bool { entries(of: version).contains { !$0.isPart } }

    /// Deletes a version here, complete or not, all its variants. What is being read of it by others may be read on.
    ///
    /// - Parameter isProtected: asked right before, of each variant: for example whether an inference process holds it.
    /// - Throws: `.inUse`, and nothing is deleted, if one of its variants is current or protected; `.notFound` if
    ///   nothing of it is here.
    public func remove(
        _ version: Digest, unless isProtected: @LoopActor (VariantKey) -> Bool = { _ in false }
    ) async throws(StoreError) {
        await structure.enter()
        defer { structure.leave() }
        let found = entries(of: version)
        guard !found.isEmpty else {
            throw StoreError(.notFound, "remove", of: "\(version)", "nothing of this version is here")
        }
        for entry in found {
            if currents.values.contains(entry.key) || isProtected(entry.key) {
                throw StoreError(
                    .inUse, "remove", of: "\(entry.key)", "this version is served: switch to another one first")
            }
        }
        let removal = VariantRemoval(fileSystem: fileSystem)
        for entry in found {
            let (key, record) = (entry.key, entry.record)
            let wasPrevious = record.map { previouses[$0.model] == key } ?? false
            drop(entry)
            if let record, wasPrevious { previouses[record.model] = nil }
            try await onPool { () throws(StoreError) in
                if let record {
                    try removal.removeCommitted(record.model, key, wasPrevious: wasPrevious)
                }
                // Of a complete one, files that were being mended.
                try removal.removeAssembly(key)
            }
        }
    }
}
