internal import EventLoop
internal import Synchronization
internal import Units

/// What is built from the calls of the protocol, alike for every file system.
extension StoreFileSystem {
    /// The path for people and for other processes.
    public func absolutePath(_ path: StorePath) -> String { path.isRoot ? folder : "\(folder)/\(path)" }

    /// Whether something, perhaps a link, is there.
    public func exists(_ path: StorePath) throws(FileError) -> Bool {
        do throws(FileError) {
            _ = try status(path)
            return true
        } catch {
            if error.isNotFound { return false }
            throw error
        }
    }

    /// The whole of a small file.
    ///
    /// - Throws: `.tooLarge` before anything is allocated; `.truncated` if it shrinks meanwhile.
    public func readWhole(_ path: StorePath, byteCountMax: Int) throws(FileError) -> [UInt8] {
        let file = try open(path, for: .reading)
        let byteCount = try file.status().byteCount
        guard byteCount.value <= Int64(byteCountMax) else {
            throw FileError(.tooLarge, .read, "\(path)", "\(byteCount) bytes, and at most \(byteCountMax) are allowed")
        }
        return try file.read(byteCount: byteCount.int, at: 0)
    }

    /// Puts a file with these bytes there, in the place of any other: after a power cut, the old or the new one is
    /// there, whole; after a return, the new one.
    public func writeAtomically(_ path: StorePath, _ bytes: [UInt8], mode: UInt32) throws(FileError) {
        let folder = try folderOf(path)
        let temporary = try folder.appending(TemporaryName.next())
        do throws(FileError) {
            let file = try create(temporary, reserving: 0, mode: mode)
            try file.write(bytes, at: 0)
            try file.synchronize()
            try rename(temporary, to: path, target: .mayExist)
        } catch {
            try? remove(temporary)
            throw error
        }
        try synchronizeDirectory(folder)
    }

    /// Puts a symbolic link there, in the place of any other, atomically and durably.
    public func replaceLink(_ path: StorePath, target: String) throws(FileError) {
        let folder = try folderOf(path)
        let temporary = try folder.appending(TemporaryName.next())
        do throws(FileError) {
            try makeLink(temporary, target: target)
            try rename(temporary, to: path, target: .mayExist)
        } catch {
            try? remove(temporary)
            throw error
        }
        try synchronizeDirectory(folder)
    }

    /// As `makeDirectory`, and durable after a return, also where the folders existed and were not durable yet.
    public func makeDurableDirectory(_ path: StorePath, mode: UInt32) throws(FileError) {
        try makeDirectory(path, mode: mode)
        for folder in path.prefixes { try synchronizeDirectory(folderOf(folder)) }
    }

    /// Removes a file, or a folder with all that is in it; read-only folders too. Nothing there is fine. Not durable.
    public func removeTree(_ path: StorePath) throws(FileError) {
        let status: FileStatus
        do throws(FileError) {
            status = try self.status(path)
        } catch {
            if error.isNotFound { return }
            throw error
        }
        guard status.kind == .directory else { return try remove(path) }
        if status.mode & 0o700 != 0o700 { try setMode(path, status.mode | 0o700) }
        for entry in try list(path) {
            let child = try path.appending(entry.name)
            if entry.kind == .directory { try removeTree(child) } else { try remove(child) }
        }
        try removeDirectory(path)
    }

    /// Takes the right to write from all that is beneath: files get 0444, folders 0555. The folder itself keeps its
    /// mode, since nobody but root could move one that is read-only into another folder.
    public func makeContentsReadOnly(_ path: StorePath) throws(FileError) {
        for entry in try list(path) {
            let child = try path.appending(entry.name)
            switch entry.kind {
            case .directory:
                try makeContentsReadOnly(child)
                try setMode(child, 0o555)
            case .file: try setMode(child, 0o444)
            case .link, .other: break
            }
        }
    }

    /// Makes all names and files beneath durable: files, then the folders that hold them, then `path` itself. The name
    /// of `path` is its parent's.
    public func synchronizeTree(_ path: StorePath) throws(FileError) {
        for entry in try list(path) {
            let child = try path.appending(entry.name)
            switch entry.kind {
            case .directory: try synchronizeTree(child)
            case .file: try open(child, for: .reading).synchronize()
            case .link, .other: break
            }
        }
        try synchronizeDirectory(path)
    }

    private func folderOf(_ path: StorePath) throws(FileError) -> StorePath {
        guard let folder = path.parent else {
            throw FileError(.invalidPath, .resolve, "\(path)", "the folder itself cannot be replaced")
        }
        return folder
    }
}

/// Names of files that are about to be renamed. One that is found at start-up was left by a power cut and may be
/// removed.
public enum TemporaryName {
    private static let prefix = ".shoal-temporary-"
    private static let counter = Atomic<UInt64>(0)

    /// A name that no running process has used.
    static func next() -> String {
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return prefix + String(Clock.now().nanoseconds, radix: 36) + "-" + String(number, radix: 36)
    }

    /// Whether a name in a folder is one of these.
    public static func matches(_ name: String) -> Bool { name.hasPrefix(prefix) }
}
