internal import EventLoop
internal import Files
internal import Manifest
internal import Units

/// Moves a whole variant to the place where it is served from, so that after a power cut at any moment it is either
/// there, complete and durable, or still where it came from.
///
/// The order: files, their folders, the record beside the future place, the rename (the one step that counts), the
/// folders of both names. Doing it again after a failure goes on where it stopped.
struct VariantCommit {
    let fileSystem: any StoreFileSystem
    let map: ChunkMap
    /// Where the variant is now.
    let source: StorePath
    let received: ReceivedBytes

    /// What became of a commit.
    enum Outcome: Sendable {
        case done(VariantRecord)
        /// Nothing is lost; the commit may be run again.
        case failed(StoreError)
        /// A file could not be made durable, and was deleted: what the kernel holds of it can no longer be trusted, and
        /// a second fsync may wrongly succeed. The fetch must begin again, and will find that file missing.
        case lostFile(StoreError)
    }

    /// Blocks.
    func run() -> Outcome {
        do throws(StoreError) {
            let record = try commit()
            clearStaging()
            return .done(record)
        } catch {
            let target = StorePaths.committed(map.model, map.key)
            let isWhole = map.files.allSatisfy { file in
                [source, target].contains { (try? fileSystem.exists(StorePaths.file(file.path, in: $0))) == true }
            }
            return isWhole ? .failed(error) : .lostFile(error)
        }
    }

    private func commit() throws(StoreError) -> VariantRecord {
        let target = StorePaths.committed(map.model, map.key)
        // An earlier attempt may have failed after the rename; what has the final name was durable before it got it.
        let isMoved = try doing("commit") { () throws(FileError) in try fileSystem.exists(target) }
        let record = try isMoved ? Self.readRecord(map.model, map.key, in: fileSystem) : prepared(target)
        try doing("commit") { () throws(FileError) in
            if !isMoved { try fileSystem.rename(source, to: target, target: .mustNotExist) }
            try fileSystem.synchronizeDirectory(StorePaths.version(map.model, map.key.version))
            if let parent = source.parent, try fileSystem.exists(parent) {
                try fileSystem.synchronizeDirectory(parent)
            }
        }
        return record
    }

    /// Clears away what the assembly leaves beside the variant's folder. What cannot be removed, the next start
    /// removes.
    private func clearStaging() {
        try? fileSystem.removeIfPresent(StorePaths.journal(map.key))
        fileSystem.pruneEmpty(StorePaths.staging(map.key.version), upTo: StorePaths.staging)
    }

    /// Reads the record of a variant.
    static func readRecord(
        _ model: ModelName, _ key: VariantKey, in fileSystem: any StoreFileSystem
    ) throws(StoreError) -> VariantRecord {
        let bytes = try doing("read record") { () throws(FileError) in
            try fileSystem.readWhole(
                StorePaths.record(model, key), byteCountMax: Limits.variantRecordByteCountMax)
        }
        return try VariantRecord.decode(bytes, model: model, key: key)
    }

    /// Writes the record of a variant, in the place of an older one.
    static func writeRecord(_ record: VariantRecord, in fileSystem: any StoreFileSystem) throws(StoreError) {
        let bytes = try record.encode()
        try doing("write record") { () throws(FileError) in
            try fileSystem.writeAtomically(
                StorePaths.record(record.model, record.key), bytes, mode: StorePaths.ownMode)
        }
    }

    /// Everything before the rename.
    private func prepared(_ target: StorePath) throws(StoreError) -> VariantRecord {
        let files = try doing("commit") { () throws(FileError) in
            var files: [VariantRecord.File] = []
            for entry in map.files { files.append(try makeDurable(entry.path)) }
            try requireClosedWorld()
            for folder in folders.reversed() {
                try fileSystem.setMode(folder, StorePaths.folderMode)
                try fileSystem.synchronizeDirectory(folder)
            }
            if let parent = target.parent {
                try fileSystem.makeDurableDirectory(parent, mode: StorePaths.folderMode)
            }
            return files
        }
        for (file, entry) in zip(files, map.files) where file.byteCount != entry.byteCount {
            throw StoreError(
                .corrupt, "commit", of: "\(source)/\(entry.path)",
                "has \(file.byteCount) bytes instead of \(entry.byteCount)")
        }
        let record = VariantRecord(
            model: map.model, key: map.key, files: files, received: received, checked: Clock.wallTime())
        try Self.writeRecord(record, in: fileSystem)
        return record
    }

    private func makeDurable(_ path: FilePath) throws(FileError) -> VariantRecord.File {
        let path = path
        let place = StorePaths.file(path, in: source)
        let file = try fileSystem.open(place, for: .reading)
        try file.setMode(StorePaths.committedMode)
        do throws(FileError) {
            try file.synchronize()
        } catch {
            try? fileSystem.remove(place)
            throw error
        }
        let status = try file.status()
        return .init(path: path, byteCount: status.byteCount, modifiedNanoseconds: status.modifiedNanoseconds)
    }

    /// The variant's folder and all folders in it, each after the one that holds it.
    private var folders: [StorePath] {
        var found: Set<StorePath> = [source]
        for entry in map.files {
            for prefix in StorePaths.file(entry.path, in: source).prefixes.dropLast()
            where prefix.components.count > source.components.count { found.insert(prefix) }
        }
        return found.sorted { ($0.components.count, $0) < ($1.components.count, $1) }
    }

    /// A file that the manifest does not name is not in the version.
    private func requireClosedWorld() throws(FileError) {
        var expected: [StorePath: Set<String>] = [:]
        for folder in folders { expected[folder] = [] }
        for entry in map.files {
            for path in StorePaths.file(entry.path, in: source).prefixes
            where path.components.count > source.components.count {
                if let parent = path.parent, let name = path.name { expected[parent, default: []].insert(name) }
            }
        }
        for (folder, names) in expected {
            for entry in try fileSystem.list(folder) where !names.contains(entry.name) {
                try fileSystem.removeTree(folder.appending(entry.name))
            }
        }
    }
}
