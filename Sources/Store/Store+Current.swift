internal import EventLoop
internal import Files
public import Units

/// Which variant of a model is served.
extension Store {
    /// What `models/<model>/current` names; nil if nothing.
    public func current(_ model: ModelName) -> VariantKey? { currents[model] }

    /// What it named before: kept, so that going back needs no network.
    public func previous(_ model: ModelName) -> VariantKey? { previouses[model] }

    /// Moves `models/<model>/current`, by an atomic and durable rename.
    ///
    /// - Throws: `.notFound` if the variant is not complete here.
    public func setCurrent(_ model: ModelName, _ key: VariantKey) async throws(StoreError) {
        await structure.enter()
        defer { structure.leave() }
        guard entry(key)?.record?.model == model else {
            throw StoreError(.notFound, "switch", of: "\(model) to \(key)", "this variant is not complete here")
        }
        let old = currents[model]
        guard old != key else { return }
        let fileSystem = fileSystem
        try await onPool { () throws(StoreError) in
            try doing("switch") { () throws(FileError) in
                if let old {
                    try fileSystem.replaceLink(StorePaths.previous(model), target: StorePaths.linkTarget(old))
                }
                try fileSystem.replaceLink(StorePaths.current(model), target: StorePaths.linkTarget(key))
            }
        }
        currents[model] = key
        previouses[model] = old
    }
}
