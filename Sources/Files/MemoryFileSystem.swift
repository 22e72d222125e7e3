internal import Glibc
internal import Synchronization
public import Units

/// Files in memory, for tests and simulations: behaves as `RealFileSystem`, except that permissions bind nobody (as for
/// root), and its power can be cut.
public final class MemoryFileSystem: StoreFileSystem {
    /// See ``StoreFileSystem``.
    public let folder: String
    let tree: Mutex<MemoryTree>

    /// An empty folder.
    ///
    /// - Parameters:
    ///   - capacity: How many bytes all files may have together; more throws `.full`.
    ///   - folder: What it says its path is.
    public init(capacity: ByteCount = ByteCount(1 << 40), folder: String = "/memory") {
        self.folder = folder
        tree = Mutex(MemoryTree(capacity: capacity))
    }

    // MARK: Files

    /// See ``StoreFileSystem``.
    public func create(
        _ path: StorePath, reserving byteCount: ByteCount, mode: UInt32
    ) throws(FileError) -> any StoreFile {
        try tree.withLock { tree throws(FileError) in
            guard tree.usedByteCount + byteCount.value <= tree.capacity.value else {
                throw FileError(errno: ENOSPC, .create, "\(path)")
            }
            let id = try tree.add(.file, path, mode: mode, .create)
            try tree.resize(id, to: byteCount.int, .create, path)
            return MemoryFile(self, path, id, tree.generation, .writing)
        }
    }

    /// See ``StoreFileSystem``.
    public func open(_ path: StorePath, for access: FileAccess) throws(FileError) -> any StoreFile {
        try tree.withLock { tree throws(FileError) in
            let id = try tree.find(path, .open)
            switch tree.node(id).kind {
            case .file: return MemoryFile(self, path, id, tree.generation, access)
            case .link: throw FileError(errno: ELOOP, .open, "\(path)")
            case .directory, .other: throw FileError(.wrongKind, .open, "\(path)", "it is not a regular file")
            }
        }
    }

    /// See ``StoreFileSystem``.
    public func copy(
        from source: any ReadableFile, to path: StorePath, mode: UInt32
    ) throws(FileError) -> CopyMethod {
        let target: any StoreFile
        do throws(FileError) {
            target = try create(path, reserving: 0, mode: mode)
        } catch {
            throw error.systemErrno == 0 ? error : FileError(errno: error.systemErrno, .copy, "\(path)")
        }
        do throws(FileError) {
            try copyBytes(try FilePart(wholeOf: source), to: target, at: 0)
        } catch {
            try? remove(path)
            throw error
        }
        return .copied
    }

    // MARK: Names

    /// See ``StoreFileSystem``.
    public func status(_ path: StorePath) throws(FileError) -> FileStatus {
        try tree.withLock { tree throws(FileError) in tree.status(try tree.find(path, .status)) }
    }

    /// See ``StoreFileSystem``.
    public func makeDirectory(_ path: StorePath, mode: UInt32) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            for prefix in path.prefixes {
                if try tree.findParent(prefix, .makeDirectory).existing == nil {
                    _ = try tree.add(.directory, prefix, mode: mode, .makeDirectory)
                } else {
                    _ = try tree.findDirectory(prefix, .makeDirectory)
                }
            }
        }
    }

    /// See ``StoreFileSystem``.
    public func list(_ path: StorePath) throws(FileError) -> [DirectoryEntry] {
        try tree.withLock { tree throws(FileError) in
            let names = tree.node(try tree.findDirectory(path, .list)).live.names
            return names.map { DirectoryEntry(name: $0.key, kind: tree.node($0.value).kind) }.sorted {
                $0.name < $1.name
            }
        }
    }

    /// See ``StoreFileSystem``.
    public func rename(_ path: StorePath, to newPath: StorePath, target: RenameTarget) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let from = try tree.findParent(path, .rename)
            let to = try tree.findParent(newPath, .rename)
            guard let moved = from.existing else { throw FileError(errno: ENOENT, .rename, "\(path)") }
            if let replaced = to.existing {
                if target == .mustNotExist { throw FileError(errno: EEXIST, .rename, "\(path) to \(newPath)") }
                if replaced == moved { return }
                if let problem = MemoryFileSystem.problem(replacing: tree.node(replaced), with: tree.node(moved)) {
                    throw FileError(errno: problem, .rename, "\(path)")
                }
            }
            if newPath.components.starts(with: path.components) { throw FileError(errno: EINVAL, .rename, "\(path)") }
            if let replaced = to.existing { tree.unlink(replaced) }
            tree.setName(from.name, in: from.id, to: nil)
            tree.setName(to.name, in: to.id, to: moved)
        }
    }

    private static func problem(replacing old: MemoryTree.Node, with new: MemoryTree.Node) -> Int32? {
        switch (new.kind == .directory, old.kind == .directory) {
        case (true, true): old.live.names.isEmpty ? nil : ENOTEMPTY
        case (true, false): ENOTDIR
        case (false, true): EISDIR
        case (false, false): nil
        }
    }

    /// See ``StoreFileSystem``.
    public func synchronizeDirectory(_ path: StorePath) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            tree.synchronize(try tree.findDirectory(path, .synchronizeDirectory))
        }
    }

    /// See ``StoreFileSystem``.
    public func remove(_ path: StorePath) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let (parent, name, existing) = try tree.findParent(path, .remove)
            guard let existing else { throw FileError(errno: ENOENT, .remove, "\(path)") }
            guard tree.node(existing).kind != .directory else { throw FileError(errno: EISDIR, .remove, "\(path)") }
            tree.unlink(existing)
            tree.setName(name, in: parent, to: nil)
        }
    }

    /// See ``StoreFileSystem``.
    public func removeDirectory(_ path: StorePath) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let (parent, name, existing) = try tree.findParent(path, .removeDirectory)
            guard let existing else { throw FileError(errno: ENOENT, .removeDirectory, "\(path)") }
            let node = tree.node(existing)
            guard node.kind == .directory else { throw FileError(errno: ENOTDIR, .removeDirectory, "\(path)") }
            guard node.live.names.isEmpty else { throw FileError(errno: ENOTEMPTY, .removeDirectory, "\(path)") }
            tree.unlink(existing)
            tree.setName(name, in: parent, to: nil)
        }
    }

    /// See ``StoreFileSystem``.
    public func makeLink(_ path: StorePath, target: String) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            guard !path.isRoot else {
                throw FileError(.invalidPath, .makeLink, "\(path)", "this cannot be done to the folder itself")
            }
            guard !target.isEmpty else { throw FileError(errno: ENOENT, .makeLink, "\(path)") }
            let id = try tree.add(.link, path, mode: 0o777, .makeLink)
            tree.nodes[id]?.linkTarget = target
        }
    }

    /// See ``StoreFileSystem``.
    public func readLink(_ path: StorePath) throws(FileError) -> String {
        try tree.withLock { tree throws(FileError) in
            let node = tree.node(try tree.find(path, .readLink))
            guard node.kind == .link else { throw FileError(.wrongKind, .readLink, "\(path)", "it is not a link") }
            return node.linkTarget
        }
    }

    /// See ``StoreFileSystem``.
    public func setMode(_ path: StorePath, _ mode: UInt32) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let id = try tree.find(path, .setMode)
            guard tree.node(id).kind != .link else { throw FileError(errno: ELOOP, .setMode, "\(path)") }
            tree.nodes[id]?.live.mode = mode
        }
    }

    /// See ``StoreFileSystem``.
    public func setOwner(_ path: StorePath, user: UInt32?, group: UInt32?) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let id = try tree.findParent(path, .setOwner).existing
            guard let id else { throw FileError(errno: ENOENT, .setOwner, "\(path)") }
            if let user { tree.nodes[id]?.userID = user }
            if let group { tree.nodes[id]?.groupID = group }
        }
    }

    // MARK: The disk

    /// See ``StoreFileSystem``.
    public func lock(_ path: StorePath) throws(FileError) -> any FileLock {
        try tree.withLock { tree throws(FileError) in
            let id = try tree.find(path, .lock)
            guard tree.lockedNodes.insert(id).inserted else {
                throw FileError(.busy, .lock, "\(folder)/\(path)", "another process holds it")
            }
            return MemoryLock(self, id, tree.generation)
        }
    }

    /// See ``StoreFileSystem``.
    public func freeByteCount() throws(FileError) -> ByteCount {
        tree.withLock { ByteCount($0.capacity.value - $0.usedByteCount) }
    }

    fileprivate func unlock(_ id: Int, _ generation: Int) {
        tree.withLock { tree in
            // The locks of before a power cut are gone already.
            if tree.generation == generation { tree.lockedNodes.remove(id) }
        }
    }
}

private final class MemoryLock: FileLock {
    private let system: MemoryFileSystem
    private let id: Int
    private let generation: Int

    init(_ system: MemoryFileSystem, _ id: Int, _ generation: Int) {
        self.system = system
        self.id = id
        self.generation = generation
    }

    deinit { system.unlock(id, generation) }
}
