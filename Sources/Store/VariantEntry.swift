internal import EventLoop
internal import Files
internal import Manifest
internal import Units

/// What the store knows of one variant.
@LoopActor final class VariantEntry {
    /// interrupted → fetching → committing → committed; any of them → removed.
    enum Phase {
        /// A fetch of an earlier run, or one whose commit lost a file. `beginFetch` goes on with it.
        case interrupted
        case fetching(Assembly)
        case committing(Assembly)
        case committed(VariantRecord)
        case removed
    }

    nonisolated let key: VariantKey
    var phase: Phase
    /// Known once the caller has given manifest and layout.
    var map: ChunkMap?
    /// What may be served; nil while there is no map.
    var available: ChunkSet?
    /// Only some of its files are put together, for somebody who copies them away; it is never committed.
    var isPart = false
    /// Being hashed and written now.
    var writing: Set<ChunkIndex> = []
    var received = ReceivedBytes()
    var suspectFiles: [FilePath] = []
    var recordIsChanged = false
    /// Files of a complete variant that are being mended.
    var repair: VariantRepair?
    /// A repair is being prepared.
    var isRepairBegun = false
    /// Verifications of one variant go one after the other.
    let checks = SerialGate()

    init(key: VariantKey, phase: Phase) {
        self.key = key
        self.phase = phase
    }

    convenience init(found: FoundVariant) {
        self.init(key: found.record.key, phase: .committed(found.record))
        received = found.record.received
        suspectFiles = found.suspectFiles
    }

    var record: VariantRecord? {
        if case .committed(let record) = phase { record } else { nil }
    }

    /// What chunks are written to: the variant while it is fetched, or those of its files that are being mended.
    var assembly: Assembly? {
        if case .fetching(let assembly) = phase { assembly } else { repair?.assembly }
    }

    /// Whether a chunk lies at all its places in the assembly.
    func hasAssembled(_ index: ChunkIndex) -> Bool {
        if let repair { repair.have.contains(index) } else { available?.contains(index) ?? true }
    }

    /// A chunk was written to all its places in the assembly.
    func noteAssembled(_ index: ChunkIndex) {
        if let repair { repair.have.insert(index) } else { available?.insert(index) }
    }

    /// Where its files are.
    func folder(_ map: ChunkMap) -> StorePath {
        record == nil ? StorePaths.assembly(key) : StorePaths.committed(map.model, key)
    }

    var isInterrupted: Bool {
        if case .interrupted = phase { true } else { false }
    }

    var isRemoved: Bool {
        if case .removed = phase { true } else { false }
    }

    func committed(in folder: String) -> CommittedVariant? {
        guard let record else { return nil }
        return CommittedVariant(
            model: record.model, key: key, byteCount: record.byteCount,
            folder: "\(folder)/\(StorePaths.committed(record.model, key))", suspectFiles: suspectFiles,
            damaged: record.damaged, received: received, checked: record.checked)
    }

    /// What is left where every chunk was just hashed: a wrong file does not tell against those of its chunks that are
    /// right.
    func chunks(of map: ChunkMap, but damaged: [ChunkIndex]) -> ChunkSet {
        var left = map.needed
        for index in damaged { left.remove(index) }
        return left
    }

    /// The chunks of a committed variant that nothing is known against.
    func trustedChunks(_ map: ChunkMap, _ record: VariantRecord) -> ChunkSet {
        var trusted = chunks(of: map, but: record.damaged)
        let suspects = Set(suspectFiles)
        for (number, file) in map.files.enumerated() where suspects.contains(file.path) {
            for chunk in map.chunks(ofFile: number) { trusted.remove(ChunkIndex(chunk)) }
        }
        return trusted
    }
}

/// Runs blocking work on a thread of the pool, keeping the type of its error.
@LoopActor func onPool<T: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> T
) async throws(Failure) -> T {
    let result: Result<T, Failure> = await withCheckedContinuation { continuation in
        ThreadPool.run(
            {
                do throws(Failure) {
                    return Result<T, Failure>.success(try work())
                } catch {
                    return .failure(error)
                }
            },
            then: { continuation.resume(returning: $0) })
    }
    return try result.get()
}
