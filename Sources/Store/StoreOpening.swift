internal import Crypto
internal import Files
internal import FoundationEssentials
internal import Glibc
internal import Manifest
internal import Units

/// What is found when the state folder is opened.
struct OpenedStore: Sendable {
    let storeID: String
    let node: NodeID
    let lock: any FileLock
    var committed: [FoundVariant] = []
    var interrupted: [VariantKey] = []
    /// Whether files on this disk can share blocks.
    var sharesBlocks = false
    var currents: [ModelName: VariantKey] = [:]
    var previouses: [ModelName: VariantKey] = [:]
}

/// A complete variant, as its record and its files' sizes and dates tell.
struct FoundVariant: Sendable {
    let record: VariantRecord
    let suspectFiles: [FilePath]
}

/// `store.json`.
private struct StoreFileContent: Codable {
    static let currentFormat = 1

    let format: Int
    let store_id: String
    let node_id: String
}

/// Locks the state folder, clears away what a crash left, and reads what is there. Blocks.
///
/// What is cleared: `trash-*`; `publish-*` whose publisher is gone; temporary files; journals without a folder; records
/// without a folder (their rename did not happen; the variant is still in staging) and folders without a record.
struct StoreOpening {
    let fileSystem: any StoreFileSystem
    let node: NodeID

    func run() throws(StoreError) -> OpenedStore {
        let (lock, content) = try lockAndRead()
        var opened = OpenedStore(storeID: content.store_id, node: node, lock: lock)
        try doing("open store") { () throws(FileError) in
            try fileSystem.makeDurableDirectory(StorePaths.models, mode: StorePaths.folderMode)
            try fileSystem.makeDurableDirectory(StorePaths.staging, mode: StorePaths.folderMode)
            try removeTemporaries(in: .root)
            opened.interrupted = try clearStaging()
        }
        opened.sharesBlocks = (try? canShareBlocks()) ?? false
        var pending = [(StorePaths.models, [String]())]
        while let (folder, parts) = pending.popLast() {
            let entries = try doing("open store") { () throws(FileError) in try fileSystem.list(folder) }
            if entries.contains(where: { $0.name == "versions" && $0.kind == .directory }),
                let model = ModelName(parts.joined(separator: "/"))
            {
                try read(model, into: &opened)
            }
            for entry in entries where entry.kind == .directory && entry.name != "versions" {
                let deeper = parts + [entry.name]
                guard ModelName(deeper.joined(separator: "/")) != nil else { continue }
                let path = try doing("open store") { () throws(FileError) in try folder.appending(entry.name) }
                pending.append((path, deeper))
            }
        }
        try clearFinished(&opened)
        return opened
    }

    /// Tries it with two files that go away at once.
    private func canShareBlocks() throws(FileError) -> Bool {
        let folder = StorePaths.inStaging(StorePaths.trashPrefix + "probe")
        try fileSystem.makeDirectory(folder, mode: StorePaths.folderMode)
        defer { try? fileSystem.removeTree(folder) }
        let block = Limits.reflinkBlockByteCount
        let one = try fileSystem.create(folder.appending("one"), reserving: 0, mode: StorePaths.ownMode)
        try one.write([UInt8](repeating: 1, count: block), at: 0)
        let other = try fileSystem.create(folder.appending("other"), reserving: 0, mode: StorePaths.ownMode)
        try other.truncate(to: ByteCount(block))
        return try other.shareBlocks(of: FilePart(wholeOf: one), at: 0)
    }

    // MARK: the lock and store.json

    private func lockAndRead() throws(StoreError) -> (any FileLock, StoreFileContent) {
        let path = StorePaths.storeFile
        do throws(FileError) {
            _ = try fileSystem.create(path, reserving: 0, mode: StorePaths.ownMode)
        } catch {
            guard error.isExisting else { throw StoreError(error, "open store") }
        }
        let lock: any FileLock
        do throws(FileError) {
            lock = try fileSystem.lock(path)
        } catch {
            throw error.isBusy ? busy() : StoreError(error, "open store")
        }
        let bytes = try doing("open store") { () throws(FileError) in
            try fileSystem.readWhole(path, byteCountMax: Limits.storeFileByteCountMax)
        }
        // A file of zeros is one whose first write a power cut took.
        let content = try bytes.allSatisfy { $0 == 0 } ? initialize() : parse(bytes)
        try? fileSystem.writeAtomically(
            StorePaths.processFile, Array("\(getpid())\n".utf8), mode: StorePaths.ownMode)
        return (lock, content)
    }

    private func busy() -> StoreError {
        let text = (try? fileSystem.readWhole(StorePaths.processFile, byteCountMax: 64)) ?? []
        let process = String(decoding: text.filter { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        let who = process.isEmpty ? "another agent" : "another agent (process \(process))"
        return StoreError(
            .busy, "open store", of: fileSystem.folder,
            "\(who) runs on this state folder: stop it first, or give this one another --state")
    }

    private func initialize() throws(StoreError) -> StoreFileContent {
        let content = StoreFileContent(
            format: StoreFileContent.currentFormat, store_id: Hex.encode(SecureRandom.bytes(16)), node_id: node.hex)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let json = try? encoder.encode(content) else { preconditionFailure("three strings cannot be encoded") }
        try doing("open store") { () throws(FileError) in
            // In place: a rename would leave the lock on the old file.
            let file = try fileSystem.open(StorePaths.storeFile, for: .writing)
            try file.truncate(to: 0)
            try file.write(Array(json) + [UInt8(ascii: "\n")], at: 0)
            try file.synchronize()
            try fileSystem.synchronizeDirectory(.root)
        }
        return content
    }

    private func parse(_ bytes: [UInt8]) throws(StoreError) -> StoreFileContent {
        func fail(_ code: StoreError.Code, _ detail: String) -> StoreError {
            StoreError(code, "open store", of: "\(fileSystem.folder)/\(StorePaths.storeFile)", detail)
        }
        struct Format: Codable { let format: Int }
        guard let format = try? JSONDecoder().decode(Format.self, from: Data(bytes)).format else {
            throw fail(.foreign, "this is no store.json: give the right --state, or restore the file")
        }
        guard format <= StoreFileContent.currentFormat else {
            throw fail(.foreign, "format \(format) is newer than this build knows: upgrade this agent")
        }
        guard let content = try? JSONDecoder().decode(StoreFileContent.self, from: Data(bytes)) else {
            throw fail(.foreign, "a field is missing: give the right --state, or restore the file")
        }
        guard content.node_id == node.hex else {
            throw fail(
                .foreign,
                "this state belongs to node \(content.node_id), not to \(node): give this node its own --state")
        }
        return content
    }

    // MARK: staging

    private func clearStaging() throws(FileError) -> [VariantKey] {
        var interrupted: [VariantKey] = []
        for entry in try fileSystem.list(StorePaths.staging) {
            if let digest = StorePaths.digest(named: entry.name), entry.kind == .directory {
                interrupted += try assemblies(of: digest)
            } else if entry.name.hasPrefix(StorePaths.publishPrefix) {
                try clearPublished(StorePaths.inStaging(entry.name))
            } else if entry.name.hasPrefix(StorePaths.trashPrefix) || TemporaryName.matches(entry.name) {
                try fileSystem.removeTree(StorePaths.inStaging(entry.name))
            }
        }
        return interrupted.sorted()
    }

    /// A publisher holds a lock on its folder as long as it lives.
    private func clearPublished(_ folder: StorePath) throws(FileError) {
        do throws(FileError) {
            let lock = try fileSystem.lock(folder)
            try fileSystem.removeTree(folder)
            withExtendedLifetime(lock) {}
        } catch {
            if !error.isBusy { throw error }
        }
    }

    private func assemblies(of digest: Digest) throws(FileError) -> [VariantKey] {
        let folder = StorePaths.staging(digest)
        let entries = try fileSystem.list(folder)
        let names = Set(entries.filter { $0.kind == .directory }.map(\.name))
        for entry in entries where entry.kind != .directory {
            let isLive =
                entry.name.hasPrefix(StorePaths.journalPrefix)
                && names.contains(String(entry.name.dropFirst(StorePaths.journalPrefix.count)))
            if !isLive { try fileSystem.remove(folder.appending(entry.name)) }
        }
        fileSystem.pruneEmpty(folder, upTo: StorePaths.staging)
        return names.compactMap { VariantName($0) }.map { VariantKey(version: digest, variant: $0) }
    }

    /// A commit may be cut off before it has cleared its assembly away.
    private func clearFinished(_ opened: inout OpenedStore) throws(StoreError) {
        let committed = Set(opened.committed.map(\.record.key))
        let removal = VariantRemoval(fileSystem: fileSystem)
        for key in opened.interrupted where committed.contains(key) { try removal.removeAssembly(key) }
        opened.interrupted.removeAll { committed.contains($0) }
    }

    private func removeTemporaries(in folder: StorePath) throws(FileError) {
        for entry in try fileSystem.list(folder) where TemporaryName.matches(entry.name) {
            try fileSystem.removeTree(folder.appending(entry.name))
        }
    }

    // MARK: models

    private func read(_ model: ModelName, into opened: inout OpenedStore) throws(StoreError) {
        let versions = try doing("open store") { () throws(FileError) in
            try removeTemporaries(in: StorePaths.model(model))
            try fileSystem.synchronizeDirectory(StorePaths.model(model))
            return try fileSystem.list(StorePaths.versions(model))
        }
        for entry in versions where entry.kind == .directory {
            guard let digest = StorePaths.digest(named: entry.name) else { continue }
            for key in try variants(of: model, digest) { opened.committed.append(try examine(model, key)) }
        }
        let keys = Set(opened.committed.filter { $0.record.model == model }.map(\.record.key))
        opened.currents[model] = link(StorePaths.current(model)).flatMap { keys.contains($0) ? $0 : nil }
        opened.previouses[model] = link(StorePaths.previous(model)).flatMap { keys.contains($0) ? $0 : nil }
        if opened.previouses[model] == opened.currents[model] { opened.previouses[model] = nil }
    }

    /// The variants that have both folder and record; what has only one of them is cleared away.
    private func variants(of model: ModelName, _ digest: Digest) throws(StoreError) -> [VariantKey] {
        try doing("open store") { () throws(FileError) in
            let folder = StorePaths.version(model, digest)
            try removeTemporaries(in: folder)
            let entries = try fileSystem.list(folder)
            let folders = Set(entries.filter { $0.kind == .directory }.map(\.name))
            let records = Set(
                entries.filter { $0.kind == .file && $0.name.hasPrefix(StorePaths.recordPrefix) }
                    .map { String($0.name.dropFirst(StorePaths.recordPrefix.count)) })
            for name in records.subtracting(folders) {
                try fileSystem.remove(folder.appending(StorePaths.recordPrefix + name))
            }
            for name in folders.subtracting(records) { try fileSystem.removeTree(folder.appending(name)) }
            fileSystem.pruneEmpty(folder, upTo: StorePaths.models)
            // A rename that a crash of this process cut off from its fsync: what is reported complete must be durable.
            if try fileSystem.exists(folder) { try fileSystem.synchronizeDirectory(folder) }
            return folders.intersection(records).sorted().compactMap { VariantName($0) }
                .map { VariantKey(version: digest, variant: $0) }
        }
    }

    private func examine(_ model: ModelName, _ key: VariantKey) throws(StoreError) -> FoundVariant {
        let record = try VariantCommit.readRecord(model, key, in: fileSystem)
        let folder = StorePaths.committed(model, key)
        let suspects = record.files.filter { file in
            guard let status = try? fileSystem.status(StorePaths.file(file.path, in: folder)) else { return true }
            return status.kind != .file || status.byteCount != file.byteCount
                || status.modifiedNanoseconds != file.modifiedNanoseconds
        }
        return FoundVariant(record: record, suspectFiles: suspects.map(\.path))
    }

    private func link(_ path: StorePath) -> VariantKey? {
        (try? fileSystem.readLink(path)).flatMap { StorePaths.key(ofLinkTarget: $0) }
    }
}
