internal import EventLoop
public import Manifest
public import Units

/// Fetching: a variant is assembled in place, chunk by chunk.
extension Store {
    /// Begins to assemble a variant, or goes on with what an earlier run left: makes its files with all their space,
    /// and hashes what the journal claims.
    ///
    /// - Parameter onProgress: called on the loop with the number of bytes hashed so far.
    /// - Throws: `.busy` if another variant of the version is being fetched or this one is already; `.diskFull` before
    ///   the first byte; `.refused` if it is committed already.
    public func beginFetch(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName,
        onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> FetchStart {
        let key = VariantKey(version: manifest.digest, variant: variant)
        try requireFetchable(key)
        let entry = interruptedEntry(key)
        await structure.enter()
        var hasStructure = true
        defer { if hasStructure { structure.leave() } }
        try requireFetchable(key)
        let (fileSystem, body) = (fileSystem, manifest.value)
        let begun = try await onPool { () throws(StoreError) in
            try Assembly.begin(ChunkMap(key: key, manifest: body, layout: layout), in: fileSystem)
        }
        structure.leave()
        hasStructure = false
        guard !entry.isRemoved else { throw StoreError(.cancelled, "begin fetch", of: "\(key)") }
        let map = begun.assembly.map
        let scope = ChunkSweep.Scope.chunks(begun.journal.claimed)
        let sweep = ChunkSweep(map, folder: begun.assembly.folder, scope: scope)
        let swept = try await run(sweep, for: entry, onProgress: onProgress)
        var verified = begun.journal.claimed
        for index in swept.damaged.indices { verified.remove(index) }
        for index in verified.indices where !map.needed.contains(index) { verified.remove(index) }
        try requireFetchable(key)
        entry.map = map
        entry.available = verified
        entry.received = begun.journal.received
        entry.phase = .fetching(begun.assembly)
        return FetchStart(needed: map.needed, verified: verified, received: entry.received)
    }

    /// Checks one chunk and, if it is right, writes it to every place where it occurs: one job of the pool.
    ///
    /// `bytes` should be the caller's only reference, so that nothing is copied. A chunk may be announced once the
    /// verdict is `.verified`. A wrong or duplicate chunk never touches the disk; its bytes are counted as wasted.
    /// - Parameter then: called on the loop, never before this returns.
    public func writeChunk(
        _ version: Digest, _ index: ChunkIndex, _ bytes: [UInt8], from source: ByteSource,
        then: @escaping @LoopActor (ChunkVerdict) -> Void
    ) {
        let payload = ByteCount(bytes.count)
        guard let entry = fetchingEntry(of: version), case .fetching(let assembly) = entry.phase,
            assembly.map.needed.contains(index)
        else {
            noteWasted(version, byteCount: payload)
            return ThreadPool.run({ .notWanted }, then: then)
        }
        guard entry.available?.contains(index) == false, entry.writing.insert(index).inserted else {
            noteWasted(version, byteCount: payload)
            return ThreadPool.run({ .duplicate }, then: then)
        }
        ThreadPool.run(
            { assembly.write(bytes, as: index, from: source) },
            then: { [self] verdict in
                entry.writing.remove(index)
                guard case .fetching(let now) = entry.phase, now === assembly else { return then(.notWanted) }
                switch verdict {
                case .verified:
                    entry.available?.insert(index)
                    entry.received.add(payload, from: source)
                case .wrongHash: noteWasted(version, byteCount: payload)
                case .duplicate, .notWanted, .failed: break
                }
                then(verdict)
            })
    }

    /// Commits a variant of which every chunk is verified: makes it durable, moves it to its place, and records it.
    /// When this returns, a power cut loses nothing of it.
    ///
    /// - Throws: `.refused` if a chunk is missing. After other errors commit again, once the cause is
    ///   gone; but if the variant is among the `interrupted` then, the disk lost a file of it:
    ///   `beginFetch` tells which chunks are missing.
    @discardableResult
    public func commit(_ key: VariantKey) async throws(StoreError) -> CommittedVariant {
        if let done = committed(key) { return done }
        await structure.enter()
        defer { structure.leave() }
        if let done = committed(key) { return done }
        guard let entry = entry(key), case .fetching(let assembly) = entry.phase else {
            throw StoreError(.notFound, "commit", of: "\(key)", "this variant is not being fetched")
        }
        guard let available = entry.available, available == assembly.map.needed, entry.writing.isEmpty else {
            let missing = assembly.map.needed.count - (entry.available?.count ?? 0)
            throw StoreError(.refused, "commit", of: "\(key)", "\(missing) chunks are missing")
        }
        entry.phase = .committing(assembly)
        let job = VariantCommit(
            fileSystem: fileSystem, map: assembly.map, source: assembly.folder, received: entry.received)
        switch try await onPool({ () throws(StoreError) in job.run() }) {
        case .done(let record): entry.phase = .committed(record)
        case .failed(let error):
            entry.phase = .fetching(assembly)
            throw error
        case .lostFile(let error):
            entry.phase = .interrupted
            entry.available = nil
            readers.removeAll { $0.key == key }
            throw error
        }
        guard let done = committed(key) else { preconditionFailure("\(key) was committed and is not") }
        return done
    }

    /// Runs a sweep slice by slice on the pool.
    /// - Throws: `.cancelled` if the variant is removed meanwhile.
    func run(
        _ sweep: ChunkSweep, for entry: VariantEntry, onProgress: (@LoopActor (ByteCount) -> Void)?
    ) async throws(StoreError) -> ChunkSweep {
        let fileSystem = fileSystem
        var sweep = sweep
        while true {
            let start = sweep
            let (next, isDone) = try await onPool { () throws(StoreError) in
                var sweep = start
                let isDone = sweep.advance(in: fileSystem, byteCountMax: Limits.checkSliceByteCountMax)
                return (sweep, isDone)
            }
            guard !entry.isRemoved else { throw StoreError(.cancelled, "check", of: "\(entry.key)") }
            sweep = next
            onProgress?(sweep.checkedByteCount)
            if isDone { return sweep }
        }
    }

    private func requireFetchable(_ key: VariantKey) throws(StoreError) {
        for entry in entries(of: key.version) {
            switch entry.phase {
            case .fetching, .committing:
                throw StoreError(.busy, "begin fetch", of: "\(key)", "variant \(entry.key.variant) is being fetched")
            case .committed where entry.key == key:
                throw StoreError(.refused, "begin fetch", of: "\(key)", "it is complete here already")
            case .interrupted, .committed, .removed: break
            }
        }
    }

    private func interruptedEntry(_ key: VariantKey) -> VariantEntry {
        if let known = entry(key) { return known }
        let fresh = VariantEntry(key: key, phase: .interrupted)
        add(fresh)
        return fresh
    }

    private func fetchingEntry(of version: Digest) -> VariantEntry? {
        entries(of: version).first { if case .fetching = $0.phase { true } else { false } }
    }
}
