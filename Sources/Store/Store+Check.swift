internal import EventLoop
internal import Files
internal import Manifest
public import Units

/// Looking for damage.
extension Store {
    /// Hashes a complete variant from end to end. What is found damaged is withdrawn, and stays so over restarts, until
    /// a check finds it right again; `available` tells what is left. With `.files`, chunks are looked at only if a file
    /// is wrong.
    ///
    /// - Parameter pace: reads no faster than this, for a check that nobody waits for.
    /// - Throws: `.notFound` if it is not complete and attached here, `.cancelled` if it is removed or the task is
    ///   cancelled meanwhile.
    public func verify(
        _ key: VariantKey, _ depth: VerificationDepth = .filesAndChunks, pace: ByteRate? = nil,
        onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> VerificationReport {
        guard let entry = entry(key), let record = entry.record, let map = entry.map else {
            throw StoreError(.notFound, "verify", of: "\(key)", "this variant is not complete here")
        }
        // Whoever waits for a check waits for no scrub; a check that another overtook is not taken over.
        if pace == nil { await entry.checks.enter() }
        defer { if pace == nil { entry.checks.leave() } }
        let folder = StorePaths.committed(record.model, key)
        let since = entry.record ?? record
        var sweep = try await check(.files(depth), map, in: folder, for: entry, pace: pace, onProgress)
        if depth == .files, !sweep.damagedFiles.isEmpty {
            sweep = try await check(.files(.filesAndChunks), map, in: folder, for: entry, onProgress)
        }
        await absorb(sweep, map, entry, since: since)
        return VerificationReport(
            damaged: sweep.damaged.indices, damagedFiles: sweep.damagedFiles.map { map.files[$0].path },
            checkedByteCount: sweep.checkedByteCount)
    }

    /// Hashes one chunk at all its places, because a neighbour called it `bad`.
    ///
    /// - Returns: true if it is right; if not, it is withdrawn, and stays so. Also false if the chunk is not here.
    public func recheck(_ version: Digest, _ index: ChunkIndex) async throws(StoreError) -> Bool {
        guard let entry = entries(of: version).first(where: { $0.available?.contains(index) == true }),
            let map = entry.map
        else { return false }
        var one = ChunkSet(capacity: map.layout.chunkCount)
        one.insert(index)
        let sweep = try await sweepOutsideCommit(.chunks(one), map, entry)
        guard sweep.damaged.contains(index) else { return true }
        entry.available?.remove(index)
        if case .committed(var record) = entry.phase, !record.damaged.contains(index) {
            record.damaged = (record.damaged + [index]).sorted()
            entry.phase = .committed(record)
            onDamage?(entry.key)
            // Where it cannot be kept now, it is kept with the next record.
            try? await saveRecord(of: entry)
        }
        return false
    }

    /// Looks at some chunks while no commit moves them.
    private func sweepOutsideCommit(
        _ scope: ChunkSweep.Scope, _ map: ChunkMap, _ entry: VariantEntry
    ) async throws(StoreError) -> ChunkSweep {
        guard entry.record == nil else {
            return try await check(scope, map, in: entry.folder(map), for: entry, nil)
        }
        await structure.enter()
        defer { structure.leave() }
        return try await check(scope, map, in: entry.folder(map), for: entry, nil)
    }

    /// Reads a variant's files slice by slice: quietly where a whole version is looked at, at once where only some
    /// chunks are, since a fetch or a neighbour waits for those.
    /// - Throws: `.cancelled` if the variant is removed or the task is cancelled meanwhile.
    func check(
        _ scope: ChunkSweep.Scope, _ map: ChunkMap, in folder: StorePath, for entry: VariantEntry,
        pace: ByteRate? = nil, _ onProgress: (@LoopActor (ByteCount) -> Void)?
    ) async throws(StoreError) -> ChunkSweep {
        let tally = CheckTally(onProgress)
        let isQuiet = if case .files = scope { true } else { false }
        let sweeps = ChunkSweep.parallel(map, folder: folder, scope: scope)
        // They share the pace.
        let share = pace.flatMap { ByteRate(bytesPerSecond: max(1, $0.bytesPerSecond / Int64(max(1, sweeps.count)))) }
        var whole = ChunkSweep(map, folder: folder, scope: scope, files: [])
        await withTaskGroup(of: ChunkSweep.self) { group in
            for sweep in sweeps {
                group.addTask { await self.finish(sweep, for: entry, isQuiet: isQuiet, share, tally) }
            }
            for await sweep in group { whole.merge(sweep) }
        }
        // Half a sweep says nothing.
        guard !entry.isRemoved, !Task.isCancelled else { throw StoreError(.cancelled, "check", of: "\(entry.key)") }
        return whole
    }

    private func finish(
        _ sweep: ChunkSweep, for entry: VariantEntry, isQuiet: Bool, _ pace: ByteRate?, _ tally: CheckTally
    ) async -> ChunkSweep {
        var sweep = sweep
        let fileSystem = fileSystem
        while !entry.isRemoved, !Task.isCancelled {
            let slice = { @Sendable [sweep] in
                var next = sweep
                let isDone = next.advance(in: fileSystem, byteCountMax: Limits.checkSliceByteCountMax)
                return (next, isDone)
            }
            let (next, isDone) = isQuiet ? await QuietThread.run(slice) : await onPool(slice)
            let byteCount = next.checkedByteCount - sweep.checkedByteCount
            tally.add(byteCount)
            sweep = next
            if isDone { break }
            if let pace {
                try? await Task.sleep(for: .seconds(Double(byteCount.value) / Double(pace.bytesPerSecond)))
            }
        }
        return sweep
    }

    /// Takes over what a whole check found, unless another check or a repair knows better by now. A disk that takes no
    /// writes is no reason to fail: what is right may be loaded.
    private func absorb(_ sweep: ChunkSweep, _ map: ChunkMap, _ entry: VariantEntry, since: VariantRecord) async {
        let damaged = sweep.damaged.indices
        let wrongFiles = Set(sweep.damagedFiles.map { map.files[$0].path })
        let (files, fileSystem) = (since.files, fileSystem)
        let folder = StorePaths.committed(since.model, entry.key)
        let found = await onPool {
            files.map { file in
                // A file that was just found right is recorded as it is now, whatever its date said before.
                guard !wrongFiles.contains(file.path),
                    let status = try? fileSystem.status(StorePaths.file(file.path, in: folder))
                else { return file }
                return .init(
                    path: file.path, byteCount: status.byteCount, modifiedNanoseconds: status.modifiedNanoseconds)
            }
        }
        guard case .committed(var record) = entry.phase, record.files == since.files,
            record.damaged == since.damaged
        else { return }
        let isNews = damaged != record.damaged || found != record.files || Set(entry.suspectFiles) != wrongFiles
        record.checked = Clock.wallTime()
        record.damaged = damaged
        record.files = found
        entry.suspectFiles = wrongFiles.sorted()
        entry.phase = .committed(record)
        entry.available = entry.chunks(of: map, but: damaged)
        entry.recordIsChanged = true
        if !damaged.isEmpty || !wrongFiles.isEmpty { onDamage?(entry.key) }
        if isNews { try? await saveRecord(of: entry) }
    }
}

/// What several sweeps have read together.
@LoopActor private final class CheckTally {
    private var byteCount: ByteCount = 0
    private let onProgress: (@LoopActor (ByteCount) -> Void)?

    init(_ onProgress: (@LoopActor (ByteCount) -> Void)?) { self.onProgress = onProgress }

    func add(_ more: ByteCount) {
        byteCount += more
        onProgress?(byteCount)
    }
}
