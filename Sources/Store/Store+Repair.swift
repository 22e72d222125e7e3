internal import EventLoop
internal import Files
internal import Manifest
public import Units

/// Mending: the damaged files of a complete variant are assembled anew beside it, from their good chunks, other
/// versions and neighbours, and take the old ones' places whole.
///
/// The variant stays complete and served meanwhile. A file that a process has mapped stays in its memory as it was; its
/// next load gets the new one.
extension Store {
    /// Begins to mend what checks have found damaged. The chunks that are missing then come through `writeChunk`.
    ///
    /// - Returns: what the damaged files need and what of it is here; nil if nothing is damaged.
    /// - Throws: `.notFound` if the variant is not complete and attached here; `.busy` if it is being mended, or
    ///   another variant of the version is fetched; `.diskFull`, and others.
    public func beginRepair(_ key: VariantKey) async throws(StoreError) -> FetchStart? {
        guard let entry = entry(key), let record = entry.record, let whole = entry.map else {
            throw StoreError(.notFound, "repair", of: "\(key)", "this variant is not complete here")
        }
        let damaged = damagedFiles(of: whole, record, entry)
        guard !damaged.isEmpty else { return nil }
        guard !isAssembling(key.version) else { throw StoreError(.busy, "repair", of: "\(key)") }
        entry.isRepairBegun = true
        defer { entry.isRepairBegun = false }
        let assembly = try await anew(whole, only: damaged, entry)
        let map = assembly.map
        var have = ChunkSet(capacity: map.layout.chunkCount)
        for index in try await reuse(map.needed, in: assembly, for: entry) { have.insert(index) }
        guard !entry.isRemoved else { throw StoreError(.cancelled, "repair", of: "\(key)") }
        entry.repair = VariantRepair(assembly: assembly, have: have, damaged: Set(record.damaged))
        return FetchStart(needed: map.needed, verified: have, received: entry.received)
    }

    /// Whether something was found damaged that the repair under way does not mend: another file, or a chunk that it
    /// may have taken over as a good one.
    public func hasDamageBeyondRepair(_ key: VariantKey) -> Bool {
        guard let entry = entry(key), let record = entry.record, let map = entry.map, let repair = entry.repair else {
            return false
        }
        let beingMended = Set(repair.assembly.map.files.map(\.path))
        return damagedFiles(of: map, record, entry).contains { !beingMended.contains(map.files[$0].path) }
            || !repair.damaged.isSuperset(of: record.damaged)
    }

    /// How much of a repair under way is there.
    public func repairedChunkCount(_ key: VariantKey) -> Int { entry(key)?.repair?.have.count ?? 0 }

    /// Puts the mended files into their places. Each is durable before it gets its name.
    ///
    /// - Throws: `.refused` if a chunk is missing. After other errors the repair may begin again; what has its place
    ///   keeps it.
    public func finishRepair(_ key: VariantKey) async throws(StoreError) {
        guard let entry = entry(key), let repair = entry.repair, let whole = entry.map else {
            throw StoreError(.notFound, "repair", of: "\(key)", "this variant is not being mended")
        }
        guard repair.have == repair.assembly.map.needed else {
            throw StoreError(.refused, "repair", of: "\(key)", "chunks are missing")
        }
        await structure.enter()
        defer { structure.leave() }
        guard entry.repair === repair, let model = entry.record?.model else {
            throw StoreError(.cancelled, "repair", of: "\(key)")
        }
        let (map, fileSystem) = (repair.assembly.map, fileSystem)
        let job = RepairCommit(
            fileSystem: fileSystem, map: map, folder: repair.assembly.folder, target: StorePaths.committed(model, key))
        defer { entry.repair = nil }
        let mended = try await onPool { () throws(StoreError) in try job.run() }
        guard let record = takeOver(mended, whole, entry) else { throw StoreError(.cancelled, "repair", of: "\(key)") }
        let removal = VariantRemoval(fileSystem: fileSystem)
        // Where the record cannot be written now, the files look changed after a restart, and are found right.
        entry.recordIsChanged = true
        try? await onPool { () throws(StoreError) -> Void in
            try VariantCommit.writeRecord(record, in: fileSystem)
            try removal.removeAssembly(key)
        }
    }

    /// What was found damaged meanwhile, in other files, stays so.
    private func takeOver(_ mended: [VariantRecord.File], _ whole: ChunkMap, _ entry: VariantEntry) -> VariantRecord? {
        guard case .committed(var record) = entry.phase else { return nil }
        let files = Dictionary(mended.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        record.files = record.files.map { files[$0.path] ?? $0 }
        record.damaged = record.damaged.filter { chunk in
            whole.places(of: chunk).contains { files[whole.files[$0.file].path] == nil }
        }
        record.received = entry.received
        entry.suspectFiles = entry.suspectFiles.filter { files[$0] == nil }
        entry.phase = .committed(record)
        entry.available = entry.trustedChunks(whole, record)
        readers.removeAll { $0.key == entry.key }
        return record
    }

    /// What mending will write.
    public func repairByteCount(_ key: VariantKey) -> ByteCount {
        guard let entry = entry(key), let record = entry.record, let map = entry.map else { return 0 }
        return damagedFiles(of: map, record, entry).reduce(0) { $0 + map.files[$1].byteCount }
    }

    /// Gives a repair up, also one that could not begin or end. What was assembled of it goes.
    public func abandonRepair(_ key: VariantKey) async {
        guard let entry = entry(key), entry.record != nil, !entry.isRepairBegun else { return }
        entry.repair = nil
        await structure.enter()
        defer { structure.leave() }
        // Removed meanwhile, or being mended anew, what is there is another's.
        guard entry.record != nil, entry.repair == nil, !entry.isRepairBegun else { return }
        let removal = VariantRemoval(fileSystem: fileSystem)
        try? await onPool { () throws(StoreError) in try removal.removeAssembly(key) }
    }

    /// Whether something of the version is being put together.
    private func isAssembling(_ version: Digest) -> Bool {
        entries(of: version).contains { entry in
            switch entry.phase {
            case .fetching, .committing: true
            case .interrupted, .committed, .removed: entry.repair != nil || entry.isRepairBegun
            }
        }
    }

    private func damagedFiles(of map: ChunkMap, _ record: VariantRecord, _ entry: VariantEntry) -> [Int] {
        let (wrong, suspects) = (Set(record.damaged), Set(entry.suspectFiles))
        return map.files.indices.filter { number in
            suspects.contains(map.files[number].path)
                || map.chunks(ofFile: number).contains { wrong.contains(ChunkIndex($0)) }
        }
    }

    /// Nothing of an earlier repair is taken up: it is small, and may be of other files.
    private func anew(
        _ whole: ChunkMap, only damaged: [Int], _ entry: VariantEntry
    ) async throws(StoreError) -> Assembly {
        await structure.enter()
        defer { structure.leave() }
        guard !entry.isRemoved else { throw StoreError(.cancelled, "repair", of: "\(whole.key)") }
        let fileSystem = fileSystem
        return try await onPool { () throws(StoreError) in
            try VariantRemoval(fileSystem: fileSystem).removeAssembly(whole.key)
            return try Assembly.begin(ChunkMap(whole, only: damaged), in: fileSystem).assembly
        }
    }
}

/// Files of a complete variant that are assembled anew.
@LoopActor final class VariantRepair {
    nonisolated let assembly: Assembly
    /// What lies at all its places in them, hashed.
    var have: ChunkSet
    /// What was known to be damaged when it began.
    nonisolated let damaged: Set<ChunkIndex>

    init(assembly: Assembly, have: ChunkSet, damaged: Set<ChunkIndex>) {
        self.assembly = assembly
        self.have = have
        self.damaged = damaged
    }
}

/// Moves mended files over the damaged ones. Blocks.
struct RepairCommit {
    let fileSystem: any StoreFileSystem
    /// The files that were assembled.
    let map: ChunkMap
    /// Where they are.
    let folder: StorePath
    /// Where the variant is.
    let target: StorePath

    /// Each file is durable before it gets its name.
    /// - Returns: the files as they are now.
    func run() throws(StoreError) -> [VariantRecord.File] {
        var mended: [VariantRecord.File] = []
        for entry in map.files {
            let (from, to) = (StorePaths.file(entry.path, in: folder), StorePaths.file(entry.path, in: target))
            let modified = try doing("repair") { () throws(FileError) in
                let file = try makeDurable(from)
                // A folder that is gone is part of the damage.
                if let parent = to.parent { try fileSystem.makeDurableDirectory(parent, mode: StorePaths.folderMode) }
                try fileSystem.rename(from, to: to, target: .mayExist)
                if let parent = to.parent { try fileSystem.synchronizeDirectory(parent) }
                return try file.status().modifiedNanoseconds
            }
            mended.append(.init(path: entry.path, byteCount: entry.byteCount, modifiedNanoseconds: modified))
        }
        return mended
    }

    /// A file of which an fsync failed is lost: a second one may wrongly succeed.
    private func makeDurable(_ path: StorePath) throws(FileError) -> any StoreFile {
        let file = try fileSystem.open(path, for: .reading)
        try file.setMode(StorePaths.committedMode)
        do throws(FileError) {
            try file.synchronize()
        } catch {
            try? fileSystem.remove(path)
            throw error
        }
        return file
    }
}
