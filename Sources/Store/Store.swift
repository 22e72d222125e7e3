public import EventLoop
internal import Files
public import Units

/// The versions on this node's disk.
///
/// All of it is confined to the loop; what blocks runs on the thread pool. A variant goes one way:
///
///     absent → fetching → committed → (current) → removed
///              ↑ after a restart: `beginFetch` again, which hashes what the journal claims
///
/// Invariants: a chunk is `available` only if its bytes were hashed on their way to the disk, or read back and hashed,
/// or its committed file is as the record says; a folder below `models/<model>/versions/` always has a durable record
/// beside it; `current` and `previous` always name committed variants.
@LoopActor public final class Store {
    /// The state folder's absolute path.
    public nonisolated let folder: String
    /// Random; names this store, so that another disk mounted in its place is noticed.
    public nonisolated let storeID: String
    /// The node that the state belongs to.
    public nonisolated let node: NodeID

    /// Whether files on this disk can share blocks.
    public nonisolated let sharesBlocks: Bool

    nonisolated let fileSystem: any StoreFileSystem
    private var lock: (any FileLock)?
    /// Each version's variants, ascending; there is hardly ever more than one.
    private var versions: [Digest: [VariantEntry]] = [:]
    var currents: [ModelName: VariantKey]
    var previouses: [ModelName: VariantKey]
    /// Folders are made, moved and deleted by one job at a time.
    let structure = SerialGate()
    /// Open files for serving, by variant and file number.
    var readers = RecentlyUsed<ReaderKey, any StoreFile>(capacity: Limits.openReadFileCountMax)

    /// Called on the loop when a check has found a complete variant damaged, and the chunks are withdrawn.
    public var onDamage: (@LoopActor (VariantKey) -> Void)?
    /// Called on the loop with each chunk that was checked, before its verdict is given: what its two halves took.
    public var onChunkTimes: (@LoopActor (ChunkTimes) -> Void)?

    struct ReaderKey: Hashable {
        let key: VariantKey
        let file: Int
    }

    private init(_ opened: OpenedStore, _ fileSystem: any StoreFileSystem) {
        folder = fileSystem.folder
        storeID = opened.storeID
        node = opened.node
        sharesBlocks = opened.sharesBlocks
        self.fileSystem = fileSystem
        lock = opened.lock
        currents = opened.currents
        previouses = opened.previouses
        for found in opened.committed { add(VariantEntry(found: found)) }
        for key in opened.interrupted { add(VariantEntry(key: key, phase: .interrupted)) }
    }

    /// Opens the state folder, which must exist, locks it, mends what a crash left, and reads the records.
    ///
    /// Complete versions are taken at their record's word where sizes and times of change agree.
    /// - Throws: `.busy` (another agent has it; the text says which process), `.foreign` (a newer format, or another
    ///   node's state: exit 78), `.permission`, `.io` and others.
    public static func open(_ folder: String, node: NodeID) async throws(StoreError) -> Store {
        let fileSystem = try await onPool { () throws(StoreError) in
            try doing("open store") { () throws(FileError) in try RealFileSystem(folder: folder) }
        }
        return try await open(fileSystem, node: node)
    }

    /// The same, on any file system.
    static func open(_ fileSystem: any StoreFileSystem, node: NodeID) async throws(StoreError) -> Store {
        let opened = try await onPool { () throws(StoreError) in
            try StoreOpening(fileSystem: fileSystem, node: node).run()
        }
        return Store(opened, fileSystem)
    }

    /// Writes what is only in memory and gives the lock back. Nothing may be called afterwards.
    public func close() async {
        for entry in allEntries where entry.recordIsChanged {
            try? await saveRecord(of: entry)
        }
        readers.removeAll { _ in true }
        lock = nil
    }

    /// What is complete on disk, by model, version and variant.
    public var committed: [CommittedVariant] {
        allEntries.compactMap { $0.committed(in: folder) }
            .sorted { $0.model == $1.model ? $0.key < $1.key : $0.model < $1.model }
    }

    /// The same, of one version.
    public func committed(of version: Digest) -> [CommittedVariant] {
        entries(of: version).compactMap { $0.committed(in: folder) }
    }

    /// The same, of one variant; nil if it is not complete here.
    public func committed(_ key: VariantKey) -> CommittedVariant? { entry(key)?.committed(in: folder) }

    /// Fetches that a restart interrupted, and that nobody has begun again or removed yet.
    public var interrupted: [VariantKey] { allEntries.filter(\.isInterrupted).map(\.key) }

    /// Payload of one variant so far, over restarts; zeros for one that is not known.
    public func received(_ key: VariantKey) -> ReceivedBytes { entry(key)?.received ?? ReceivedBytes() }

    /// Counts payload of a version that came and was not used, beside what `writeChunk` counts by itself.
    public func noteWasted(_ version: Digest, byteCount: ByteCount) {
        guard let entry = entries(of: version).first else { return }
        entry.received.wasted += byteCount
        switch entry.phase {
        case .fetching(let assembly): assembly.noteWasted(byteCount)
        case .committed: entry.recordIsChanged = true
        case .interrupted, .committing, .removed: break
        }
    }

    /// What may still be written to the disk that the state folder is on.
    public func freeByteCount() async throws(StoreError) -> ByteCount {
        let fileSystem = fileSystem
        return try await onPool { () throws(StoreError) in
            try doing("ask for free space") { () throws(FileError) in try fileSystem.freeByteCount() }
        }
    }

    // MARK: entries

    /// Ascending.
    var allEntries: [VariantEntry] { versions.values.joined().sorted { $0.key < $1.key } }

    func entry(_ key: VariantKey) -> VariantEntry? { versions[key.version]?.first { $0.key == key } }

    /// The entries of a version by variant.
    func entries(of version: Digest) -> [VariantEntry] { versions[version] ?? [] }

    /// - Precondition: there is no entry with this key.
    func add(_ entry: VariantEntry) {
        precondition(self.entry(entry.key) == nil, "\(entry.key) is there twice")
        versions[entry.key.version] = (entries(of: entry.key.version) + [entry]).sorted { $0.key < $1.key }
    }

    func drop(_ entry: VariantEntry) {
        entry.phase = .removed
        entry.available = nil
        entry.map = nil
        entry.repair = nil
        let others = entries(of: entry.key.version).filter { $0 !== entry }
        versions[entry.key.version] = others.isEmpty ? nil : others
        readers.removeAll { $0.key == entry.key }
    }

    /// Writes the record of a committed variant with what is known now.
    func saveRecord(of entry: VariantEntry) async throws(StoreError) {
        await structure.enter()
        defer { structure.leave() }
        guard case .committed(var record) = entry.phase else { return }
        record.received = entry.received
        entry.phase = .committed(record)
        entry.recordIsChanged = false
        let (written, fileSystem) = (record, fileSystem)
        do throws(StoreError) {
            try await onPool { () throws(StoreError) in try VariantCommit.writeRecord(written, in: fileSystem) }
        } catch {
            entry.recordIsChanged = true
            throw error
        }
    }
}
