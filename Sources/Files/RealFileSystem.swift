internal import CLinux
internal import Glibc
public import Units

/// Files on a disk, beneath a folder that stays open.
///
/// Each path is opened by one call (`openat2`) which neither follows a link nor leaves the folder, whatever others
/// rename meanwhile; what has no such call is done by name in a folder that was opened so.
public final class RealFileSystem: StoreFileSystem {
    /// See ``StoreFileSystem``.
    public let folder: String
    private let root: Descriptor

    /// Opens a folder.
    ///
    /// - Parameters:
    ///   - folder: Its path as the user gave it; links are followed up to it, not beneath it.
    ///   - creatingWithMode: Makes it, and the folders above it that are missing, with these permissions; nil does not.
    public init(folder: String, creatingWithMode mode: UInt32? = nil) throws(FileError) {
        guard !folder.isEmpty, !folder.utf8.contains(0) else {
            throw FileError(.invalidPath, .open, folder, "a folder's path must not be empty or hold NUL")
        }
        if let mode { try RealFileSystem.makeOutsideDirectories(folder, mode: mode) }
        let descriptor = try call(Subject(.open, folder)) {
            unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        root = Descriptor(descriptor)
        guard let absolute = unsafe realpath(folder, nil) else { throw FileError(errno: errno, .open, folder) }
        defer { unsafe free(absolute) }
        unsafe self.folder = String(cString: absolute)
    }

    private static func makeOutsideDirectories(_ folder: String, mode: UInt32) throws(FileError) {
        var prefix = folder.hasPrefix("/") ? "/" : ""
        for component in folder.split(separator: "/") {
            prefix += prefix.isEmpty || prefix.hasSuffix("/") ? String(component) : "/" + component
            do throws(FileError) {
                try call(Subject(.makeDirectory, prefix)) { unsafe mkdir(prefix, mode) }
                // The process's mask may have taken something away.
                try call(Subject(.setMode, prefix)) { unsafe chmod(prefix, mode) }
            } catch {
                guard error.isExisting else { throw error }
            }
        }
    }

    // MARK: Files

    /// See ``StoreFileSystem``.
    public func create(
        _ path: StorePath, reserving byteCount: ByteCount, mode: UInt32
    ) throws(FileError) -> any StoreFile {
        let file = try createFile(path, mode: mode, for: .create)
        if byteCount > 0 { try removingOnFailure(path) { () throws(FileError) in try file.reserve(byteCount, at: 0) } }
        return file
    }

    /// See ``StoreFileSystem``.
    public func open(_ path: StorePath, for access: FileAccess) throws(FileError) -> any StoreFile {
        let kind = access == .reading ? clinux_access_read : clinux_access_write
        let descriptor = try openBeneath(path, kind, .open)
        try descriptor.requireFile(Subject(.open, path))
        return RealFile(path, descriptor)
    }

    /// See ``StoreFileSystem``.
    public func copy(
        from source: any ReadableFile, to path: StorePath, mode: UInt32
    ) throws(FileError) -> CopyMethod {
        let target = try createFile(path, mode: mode, for: .copy)
        return try removingOnFailure(path) { () throws(FileError) -> CopyMethod in
            if let origin = source.descriptorInKernel,
                clinux_share_blocks(target.descriptor.number, origin.number) == 0
            {
                return .sharedBlocks
            }
            let whole = try FilePart(wholeOf: source)
            if whole.byteCount > 0 { try target.reserve(whole.byteCount, at: 0) }
            try target.copy(whole, to: 0)
            return .copied
        }
    }

    private func createFile(
        _ path: StorePath, mode: UInt32, for operation: FileOperation
    ) throws(FileError) -> RealFile {
        guard !path.isRoot else { throw FileError(errno: EEXIST, operation, "\(path)") }
        let file = RealFile(path, try openBeneath(path, clinux_access_create, operation, mode: mode))
        // The process's mask may have taken something away.
        try removingOnFailure(path) { () throws(FileError) in try file.setMode(mode) }
        return file
    }

    private func removingOnFailure<R>(_ path: StorePath, _ body: () throws(FileError) -> R) throws(FileError) -> R {
        do throws(FileError) {
            return try body()
        } catch {
            try? remove(path)
            throw error
        }
    }

    // MARK: The disk

    /// See ``StoreFileSystem``.
    public func freeByteCount() throws(FileError) -> ByteCount {
        try root.freeByteCount(Subject(.freeSpace, folder))
    }

    /// See ``StoreFileSystem``.
    public func lock(_ path: StorePath) throws(FileError) -> any FileLock {
        let kind = try status(path).kind == .directory ? clinux_access_directory : clinux_access_read
        let descriptor = try openBeneath(path, kind, .lock)
        let result = clinux_lock(descriptor.number)
        guard result != -EWOULDBLOCK else {
            throw FileError(.busy, .lock, "\(folder)/\(path)", "another process holds it")
        }
        try check(result, Subject(.lock, path))
        return RealLock(descriptor)
    }

    // MARK: Opening

    func openBeneath(
        _ path: StorePath, _ access: clinux_access, _ operation: FileOperation, mode: UInt32 = 0
    ) throws(FileError) -> Descriptor {
        Descriptor(
            try check(
                unsafe clinux_open_beneath(root.number, path.description, access, mode), Subject(operation, path)))
    }

    /// The folder that holds a path, opened, and the path's name in it.
    func openParent(_ path: StorePath, _ operation: FileOperation) throws(FileError) -> (Descriptor, name: String) {
        guard let parent = path.parent, let name = path.name else {
            throw FileError(.invalidPath, operation, "\(path)", "this cannot be done to the folder itself")
        }
        do throws(FileError) {
            return (try openBeneath(parent, clinux_access_directory_path, operation), name)
        } catch {
            throw FileError(errno: error.systemErrno, operation, "\(path)")
        }
    }
}

/// `flock` is on the open file, so it goes with the descriptor.
private final class RealLock: FileLock {
    private let descriptor: Descriptor

    init(_ descriptor: Descriptor) { self.descriptor = descriptor }
}
