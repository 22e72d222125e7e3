internal import EventLoop
public import Manifest
public import Units

/// Fetching: a variant is assembled in place, chunk by chunk.
extension Store {
    /// Begins to assemble a variant, or goes on with what an earlier run left: hashes what the journal claims, takes
    /// over what complete versions here have of it, hashed as well, and reserves all the space that it needs.
    ///
    /// - Parameters:
    ///   - folders: folders of the user's from which bytes may be taken as well.
    ///   - onProgress: called on the loop with the number of bytes hashed so far.
    /// - Throws: `.busy` if another variant of the version is being fetched or this one is already; `.diskFull` before
    ///   the first byte; `.refused` if it is committed already.
    public func beginFetch(
        _ manifest: Verified<Manifest>, _ layout: Layout, variant: VariantName, reusing folders: [String] = [],
        onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> FetchStart {
        let key = VariantKey(version: manifest.digest, variant: variant)
        try requireFetchable(key)
        guard !hasPart(of: key.version) else {
            throw StoreError(.busy, "begin fetch", of: "\(key)", "a part of the version is being fetched")
        }
        return try await begin(interruptedEntry(key), manifest, layout, reusing: folders, onProgress: onProgress)
    }

    /// - Parameter files: the only ones to assemble; nil for all.
    func begin(
        _ entry: VariantEntry, _ manifest: Verified<Manifest>, _ layout: Layout, only files: Set<FilePath>? = nil,
        reusing folders: [String] = [], onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> FetchStart {
        let key = entry.key
        let (assembly, journal) = try await beginAssembly(entry, manifest.value, layout, only: files)
        let map = assembly.map
        let swept = try await check(.chunks(journal.claimed), map, in: assembly.folder, for: entry, onProgress)
        var (verified, missing) = (ChunkSet(capacity: map.layout.chunkCount), map.needed)
        for index in journal.claimed.indices where map.needed.contains(index) && !swept.damaged.contains(index) {
            verified.insert(index)
            missing.remove(index)
        }
        var received = journal.received
        let taken = try await reuse(
            missing, in: assembly, for: entry, folders: folders, cutAs: manifest.value.chunking)
        for index in taken {
            verified.insert(index)
            received.add(ByteCount(map.layout.byteCount(of: index)), from: .local)
        }
        guard !entry.isRemoved else { throw StoreError(.cancelled, "begin fetch", of: "\(key)") }
        try requireFetchable(key)
        entry.map = map
        entry.available = verified
        entry.received = received
        entry.phase = .fetching(assembly)
        return FetchStart(needed: map.needed, verified: verified, received: received)
    }

    private func beginAssembly(
        _ entry: VariantEntry, _ manifest: Manifest, _ layout: Layout, only files: Set<FilePath>?
    ) async throws(StoreError) -> (Assembly, JournalContent) {
        await structure.enter()
        defer { structure.leave() }
        let (key, fileSystem) = (entry.key, fileSystem)
        try requireFetchable(key)
        guard !entry.isRemoved else { throw StoreError(.cancelled, "begin fetch", of: "\(key)") }
        return try await onPool { () throws(StoreError) in
            let whole = try ChunkMap(key: key, manifest: manifest, layout: layout)
            let map = files.map { files in
                ChunkMap(whole, only: whole.files.indices.filter { files.contains(whole.files[$0].path) })
            }
            return try Assembly.begin(map ?? whole, in: fileSystem)
        }
    }

    /// Checks one chunk and, if it is right, writes it to every place where it occurs: one job of the pool.
    ///
    /// `buffer` is the store's until `then` is called, and the caller's again from then on. A chunk may be announced
    /// once the verdict is `.verified`. A wrong or duplicate chunk never touches the disk; its bytes are counted as
    /// wasted.
    /// - Parameter then: called on the loop, never before this returns.
    public func writeChunk(
        _ version: Digest, _ index: ChunkIndex, _ buffer: RawBuffer, from source: ByteSource,
        then: @escaping @LoopActor (ChunkVerdict) -> Void
    ) {
        let payload = ByteCount(buffer.count)
        guard let (entry, assembly) = assembling(version), assembly.map.needed.contains(index) else {
            noteWasted(version, byteCount: payload)
            return ThreadPool.run({ .notWanted }, then: then)
        }
        guard !entry.hasAssembled(index), entry.writing.insert(index).inserted else {
            noteWasted(version, byteCount: payload)
            return ThreadPool.run({ .duplicate }, then: then)
        }
        ThreadPool.run(
            { unsafe assembly.write(buffer.contents.bytes, as: index, from: source) },
            then: { [self] verdict, times in
                entry.writing.remove(index)
                onChunkTimes?(times)
                guard entry.assembly === assembly else { return then(.notWanted) }
                switch verdict {
                case .verified:
                    entry.noteAssembled(index)
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
    /// - Throws: `.refused` if a chunk is missing. After other errors commit again, once the cause is gone; but if the
    ///   variant is among the `interrupted` then, the disk lost a file of it: `beginFetch` tells which chunks are
    ///   missing.
    @discardableResult
    public func commit(_ key: VariantKey) async throws(StoreError) -> CommittedVariant {
        if let done = committed(key) { return done }
        await structure.enter()
        defer { structure.leave() }
        if let done = committed(key) { return done }
        guard let entry = entry(key), !entry.isPart, case .fetching(let assembly) = entry.phase else {
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

    /// True from `beginFetch` to the commit, unless that loses a file or the variant is removed.
    public func isBeingFetched(_ key: VariantKey) -> Bool {
        guard let entry = entry(key), !entry.isPart else { return false }
        return switch entry.phase {
        case .fetching, .committing: true
        case .interrupted, .committed, .removed: false
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

    private func assembling(_ version: Digest) -> (VariantEntry, Assembly)? {
        for entry in entries(of: version) { if let assembly = entry.assembly { return (entry, assembly) } }
        return nil
    }
}
