internal import CLinux
internal import Glibc
internal import Units

/// What is done to names and permissions.
extension RealFileSystem {
    /// See ``StoreFileSystem``.
    public func status(_ path: StorePath) throws(FileError) -> FileStatus {
        try openBeneath(path, clinux_access_path, .status).status(Subject(.status, path))
    }

    /// See ``StoreFileSystem``.
    public func makeDirectory(_ path: StorePath, mode: UInt32) throws(FileError) {
        for prefix in path.prefixes {
            let (parent, name) = try openParent(prefix, .makeDirectory)
            let subject = Subject(.makeDirectory, prefix)
            do throws(FileError) {
                try call(subject) { unsafe mkdirat(parent.number, name, mode) }
                // The process's mask may have taken something away.
                try setMode(prefix, mode)
            } catch {
                guard error.isExisting else { throw error }
                // A file, or a link, in the way must not pass for a folder.
                _ = try openBeneath(prefix, clinux_access_directory_path, .makeDirectory)
            }
        }
    }

    /// See ``StoreFileSystem``.
    public func list(_ path: StorePath) throws(FileError) -> [DirectoryEntry] {
        try openBeneath(path, clinux_access_directory, .list).list(Subject(.list, path))
    }

    /// See ``StoreFileSystem``.
    public func rename(_ path: StorePath, to newPath: StorePath, target: RenameTarget) throws(FileError) {
        let (from, name) = try openParent(path, .rename)
        let (to, newName) = try openParent(newPath, .rename)
        let result = unsafe clinux_rename(from.number, name, to.number, newName, target == .mustNotExist ? 1 : 0)
        guard result == -EEXIST else {
            try check(result, Subject(.rename, path))
            return
        }
        throw FileError(errno: EEXIST, .rename, "\(path) to \(newPath)")
    }

    /// See ``StoreFileSystem``.
    public func synchronizeDirectory(_ path: StorePath) throws(FileError) {
        let directory = try openBeneath(path, clinux_access_directory, .synchronizeDirectory)
        try call(Subject(.synchronizeDirectory, path)) { fsync(directory.number) }
    }

    /// See ``StoreFileSystem``.
    public func remove(_ path: StorePath) throws(FileError) {
        let (parent, name) = try openParent(path, .remove)
        try call(Subject(.remove, path)) { unsafe unlinkat(parent.number, name, 0) }
    }

    /// See ``StoreFileSystem``.
    public func removeDirectory(_ path: StorePath) throws(FileError) {
        let (parent, name) = try openParent(path, .removeDirectory)
        try call(Subject(.removeDirectory, path)) { unsafe unlinkat(parent.number, name, AT_REMOVEDIR) }
    }

    /// See ``StoreFileSystem``.
    public func makeLink(_ path: StorePath, target: String) throws(FileError) {
        let (parent, name) = try openParent(path, .makeLink)
        try call(Subject(.makeLink, path)) { unsafe symlinkat(target, parent.number, name) }
    }

    /// See ``StoreFileSystem``.
    public func readLink(_ path: StorePath) throws(FileError) -> String {
        let link = try openBeneath(path, clinux_access_path, .readLink)
        guard try link.status(Subject(.readLink, path)).kind == .link else {
            throw FileError(.wrongKind, .readLink, "\(path)", "it is not a link")
        }
        var buffer = [UInt8](repeating: 0, count: Limits.storePathByteCountMax + 1)
        let count = try call(Subject(.readLink, path)) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                guard let start = bytes.baseAddress else { return 0 }
                // An empty path means the link that is open.
                return unsafe readlinkat(link.number, "", start.assumingMemoryBound(to: CChar.self), bytes.count)
            }
        }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// See ``StoreFileSystem``.
    public func setMode(_ path: StorePath, _ mode: UInt32) throws(FileError) {
        let isDirectory = try status(path).kind == .directory
        let opened = try openBeneath(path, isDirectory ? clinux_access_directory : clinux_access_read, .setMode)
        try call(Subject(.setMode, path)) { fchmod(opened.number, mode) }
    }

    /// See ``StoreFileSystem``.
    public func setOwner(_ path: StorePath, user: UInt32?, group: UInt32?) throws(FileError) {
        let (parent, name) = try openParent(path, .setOwner)
        try call(Subject(.setOwner, path)) {
            // The greatest number leaves as it is.
            unsafe fchownat(parent.number, name, user ?? .max, group ?? .max, AT_SYMLINK_NOFOLLOW)
        }
    }
}
