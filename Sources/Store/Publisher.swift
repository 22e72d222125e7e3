internal import Chunking
internal import Crypto
public import EventLoop
internal import Files
internal import Glibc
public import Manifest
internal import Synchronization
public import Units

/// A version that lies staged in the state folder, hashed, and waits for its manifest.
public struct StagedVersion: Hashable, Sendable {
    /// The staging folder's name, which the agent adopts by.
    public let staging: String
    /// For the manifest.
    public let variants: [Variant]
    /// For the manifest.
    public let chunking: ChunkingParameters
    /// The table of chunks; the manifest names its digest.
    public let layout: Layout
    /// True if the staged files share their blocks with the originals.
    public let sharesBlocks: Bool
    /// Files whose header says that they hold tensors, and could not be cut at these.
    public let remarks: [PublishPlan.Remark]
}

/// Stages files for publishing, in the process of a command that runs as root or as the agent's user, beside an agent
/// that runs or not.
///
/// Holds a lock on its staging folder as long as it lives; an agent that starts deletes staging folders that nobody
/// holds.
@LoopActor public final class Publisher {
    /// The staging folder's name.
    public nonisolated let staging: String

    private nonisolated let fileSystem: any StoreFileSystem
    private nonisolated let folder: StorePath
    private nonisolated let owner: Owner
    private var lock: (any FileLock)?
    private var stagedByteCount: ByteCount = 0

    fileprivate struct Owner: Sendable {
        let user: UInt32
        let group: UInt32
        /// False if this process is that user already.
        let mustBeGiven: Bool
    }

    private init(_ fileSystem: any StoreFileSystem, staging: String, lock: any FileLock, owner: Owner) {
        self.fileSystem = fileSystem
        self.staging = staging
        self.lock = lock
        self.owner = owner
        folder = StorePaths.inStaging(staging)
    }

    /// Makes a staging folder in a state folder, and clears away those of publishers that died.
    ///
    /// - Throws: `.permission` (exit 77) unless this process is root or the owner of the state folder.
    public static func begin(stateFolder: String) async throws(StoreError) -> Publisher {
        let fileSystem = try await onPool { () throws(StoreError) in
            try doing("publish") { () throws(FileError) in try RealFileSystem(folder: stateFolder) }
        }
        return try await begin(fileSystem)
    }

    /// The same, on any file system.
    static func begin(_ fileSystem: any StoreFileSystem) async throws(StoreError) -> Publisher {
        let name = StorePaths.publishPrefix + Hex.encode(SecureRandom.bytes(8))
        let (lock, owner) = try await onPool { () throws(StoreError) in
            let status = try doing("publish") { () throws(FileError) in try fileSystem.status(.root) }
            let user = geteuid()
            guard user == 0 || user == status.userID else {
                throw StoreError(
                    .permission, "publish", of: fileSystem.folder,
                    "the state folder belongs to user \(status.userID): run as root or as that user")
            }
            let owner = Owner(
                user: status.userID, group: status.groupID, mustBeGiven: user == 0 && status.userID != 0)
            let lock = try doing("publish") { () throws(FileError) in
                clearDeadPublishers(in: fileSystem)
                let folder = StorePaths.inStaging(name)
                let isFirst = try fileSystem.exists(StorePaths.staging) == false
                try fileSystem.makeDirectory(folder, mode: StorePaths.folderMode)
                if isFirst, owner.mustBeGiven {
                    try fileSystem.setOwner(StorePaths.staging, user: owner.user, group: owner.group)
                }
                let lock = try fileSystem.lock(folder)
                if owner.mustBeGiven { try fileSystem.setOwner(folder, user: owner.user, group: owner.group) }
                return lock
            }
            return (lock, owner)
        }
        return Publisher(fileSystem, staging: name, lock: lock, owner: owner)
    }

    /// Copies the files of a version into the staging folder (sharing blocks where the disk can, never as hard links),
    /// then cuts and hashes the copies. Its variants share one table of chunks.
    ///
    /// - Precondition: no variant is there twice.
    /// - Parameter onProgress: bytes hashed so far; called on the loop.
    /// - Throws: `.refused` if a file changed meanwhile or there are too many chunks, `.diskFull`, `.io`, …
    public func stage(
        _ plans: [PublishPlan], cutting choice: CuttingChoice = .fitting(parent: nil),
        onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> StagedVersion {
        // The layout's order is the manifest's: variants by name.
        let plans = plans.sorted { $0.variant < $1.variant }
        let cutting = try VersionCutting(choice, byteCount: plans.byteCount)
        for plan in plans { try await makeFolders(plan) }
        let (fileSystem, newOwner) = (fileSystem, owner.mustBeGiven ? FileStaging.Owner(owner) : nil)
        let fairShare = plans.byteCount.value / Int64(ThreadPool.threadCount)
        let folder = folder
        let staged = try await Self.forEachFile(of: plans, onProgress) { (variant, file, count) throws(StoreError) in
            let target = StorePaths.file(file.path, in: try Self.folder(of: variant, in: folder))
            let staging = FileStaging(
                fileSystem: fileSystem, file: file, target: target, cutting: cutting, owner: newOwner)
            let isLong = file.byteCount.value > max(fairShare, Int64(Limits.publishSplitByteCount))
            return try await staging.run(split: isLong, count)
        }
        var rest = staged[...]
        let variants = plans.map { plan in
            let files = rest.prefix(plan.files.count)
            rest = rest.dropFirst(plan.files.count)
            return Variant(
                name: plan.variant,
                files: files.map { FileEntry(path: $0.path, byteCount: $0.byteCount, digest: $0.digest) })
        }
        return StagedVersion(
            staging: staging, variants: variants, chunking: cutting.parameters,
            layout: try layout(of: staged, cutting.parameters), sharesBlocks: staged.allSatisfy(\.sharesBlocks),
            remarks: staged.compactMap(\.remark))
    }

    private nonisolated static func folder(
        of variant: VariantName, in staging: StorePath
    ) throws(StoreError) -> StorePath {
        try doing("publish") { () throws(FileError) in try staging.appending(variant.text) }
    }

    private func layout(of files: [StagedFile], _ chunking: ChunkingParameters) throws(StoreError) -> Layout {
        var builder = LayoutBuilder()
        for file in files {
            for chunk in file.chunks { builder.append(chunk.digest, byteCount: Int(chunk.byteCount)) }
            builder.endFile()
            do { try ChunkingError.requireDistinctChunkCount(builder.chunkCount, atMost: chunking.chunkCountMax) } catch
            {
                throw StoreError(.refused, "publish", of: file.path.text, "\(error)")
            }
        }
        do { return try builder.finish() } catch {
            throw StoreError(.refused, "publish", of: staging, "\(error): publish fewer files")
        }
    }

    /// True if the files to be published are exactly those of a published version: variants, paths, sizes and SHA-256.
    /// Nothing is staged.
    public static func areEqual(
        _ plans: [PublishPlan], _ variants: [Variant], onProgress: (@LoopActor (ByteCount) -> Void)? = nil
    ) async throws(StoreError) -> Bool {
        let plans = plans.sorted { $0.variant < $1.variant }
        guard plans.map(\.variant) == variants.map(\.name),
            plans.map({ $0.files.map(\.path) }) == variants.map({ $0.files.map(\.path) }),
            plans.map({ $0.files.map(\.byteCount) }) == variants.map({ $0.files.map(\.byteCount) })
        else { return false }
        let digests = try await forEachFile(of: plans, onProgress) { (_, file, count) throws(StoreError) in
            try await onPool { () throws(StoreError) in
                try doing("compare") { () throws(FileError) -> Digest? in
                    let opened = try OutsideFile(path: file.source)
                    guard try opened.status().byteCount == file.byteCount else { return nil }
                    var hashing = FileHashing(
                        cutter: nil, into: ChunkList(), includesWhole: true, byteCount: file.byteCount)
                    _ = try hashing.advance(opened, count)
                    return hashing.whole
                }
            }
        }
        return digests == variants.flatMap { $0.files.map(\.digest) }
    }

    /// Deletes what was staged, unless the agent has adopted it; then nothing is left to delete.
    public func discard() async {
        let (fileSystem, folder) = (fileSystem, folder)
        try? await onPool { () throws(StoreError) in
            try doing("publish") { () throws(FileError) in try fileSystem.removeTree(folder) }
        }
        lock = nil
    }

    /// Lets go of the lock as a killed process does.
    func testsOnly_die() { lock = nil }

    private func makeFolders(_ plan: PublishPlan) async throws(StoreError) {
        let (fileSystem, owner, variantFolder) = (fileSystem, owner, try Self.folder(of: plan.variant, in: folder))
        try await onPool { () throws(StoreError) in
            try doing("publish") { () throws(FileError) in
                var folders: Set<StorePath> = [variantFolder]
                for file in plan.files {
                    for prefix in StorePaths.file(file.path, in: variantFolder).prefixes.dropLast()
                    where prefix.components.count > variantFolder.components.count { folders.insert(prefix) }
                }
                for folder in folders.sorted() {
                    try fileSystem.makeDirectory(folder, mode: StorePaths.folderMode)
                    if owner.mustBeGiven { try fileSystem.setOwner(folder, user: owner.user, group: owner.group) }
                }
            }
        }
    }

    /// Does `work` for each file, a few at a time and the largest first, and gives the results in the order of the
    /// files.
    static func forEachFile<T: Sendable>(
        of plans: [PublishPlan], _ onProgress: (@LoopActor (ByteCount) -> Void)?,
        _ work:
            @escaping @LoopActor @Sendable (VariantName, PublishPlan.File, ProgressCounter)
            async throws(StoreError) -> T
    ) async throws(StoreError) -> [T] {
        let counter = ProgressCounter()
        let files = plans.flatMap { plan in plan.files.map { (variant: plan.variant, file: $0) } }
        let bySize = files.indices.sorted { (files[$1].file.byteCount, $0) < (files[$0].file.byteCount, $1) }
        var results = [T?](repeating: nil, count: files.count)
        var failure: StoreError?
        await withTaskGroup(of: (Int, Result<T, StoreError>).self) { group in
            var (next, done) = (0, 0)
            while next < files.count || !group.isEmpty {
                if next < files.count, failure == nil, next - done < Limits.parallelPublishCount {
                    let number = bySize[next]
                    let (variant, file) = files[number]
                    group.addTask {
                        (number, await attempt { () throws(StoreError) in try await work(variant, file, counter) })
                    }
                    next += 1
                    continue
                }
                guard let (number, result) = await group.next() else { break }
                done += 1
                switch result {
                case .success(let value): results[number] = value
                case .failure(let error):
                    failure = failure ?? error
                    counter.cancel()
                }
                onProgress?(counter.value)
            }
        }
        if let failure { throw failure }
        return results.compactMap { $0 }
    }

    private static func attempt<T: Sendable>(
        _ work: @LoopActor @Sendable () async throws(StoreError) -> T
    ) async -> Result<T, StoreError> {
        do throws(StoreError) {
            return .success(try await work())
        } catch {
            return .failure(error)
        }
    }

    /// A folder that is older than this and that nobody has locked belonged to a publisher that died.
    private nonisolated static let deadAge: Duration = .seconds(60)

    private nonisolated static func clearDeadPublishers(in fileSystem: any StoreFileSystem) {
        let oldest = Clock.wallTime().secondsSince1970 - deadAge.components.seconds
        for entry in (try? fileSystem.list(StorePaths.staging)) ?? []
        where entry.name.hasPrefix(StorePaths.publishPrefix) {
            let folder = StorePaths.inStaging(entry.name)
            guard let status = try? fileSystem.status(folder),
                status.modifiedNanoseconds / 1_000_000_000 < oldest,
                let lock = try? fileSystem.lock(folder)
            else { continue }
            try? fileSystem.removeTree(folder)
            withExtendedLifetime(lock) {}
        }
    }
}

extension FileStaging.Owner {
    fileprivate init(_ owner: Publisher.Owner) { self.init(user: owner.user, group: owner.group) }
}
