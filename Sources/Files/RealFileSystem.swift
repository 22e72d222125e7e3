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
        if byteCount > 0 { try removingOnFailure(path) { () throws(FileError) in try reserve(byteCount, file) } }
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
            guard let origin = (source as? RealFile)?.descriptor ?? (source as? OutsideFile)?.descriptor else {
                try copyBytes(from: source, to: target)
                return .copied
            }
            if clinux_share_blocks(target.descriptor.number, origin.number) == 0 { return .sharedBlocks }
            let byteCount = try source.status().byteCount
            if byteCount > 0 { try reserve(byteCount, target) }
            if try !copyInKernel(from: origin, to: target, byteCount) { try copyBytes(from: source, to: target) }
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

    private func reserve(_ byteCount: ByteCount, _ file: RealFile) throws(FileError) {
        let subject = Subject(.create, file.path)
        let result = clinux_reserve(file.descriptor.number, byteCount.value)
        guard result == -EOPNOTSUPP else {
            try check(result, subject)
            return
        }
        // A disk that cannot reserve: at least what cannot fit is refused before the first byte.
        guard try freeByteCount() >= byteCount else { throw FileError(errno: ENOSPC, .create, "\(file.path)") }
        try file.truncate(to: byteCount)
    }

    /// False if the kernel cannot copy between these disks; nothing is lost by starting over.
    private func copyInKernel(
        from source: Descriptor, to target: RealFile, _ byteCount: ByteCount
    ) throws(FileError) -> Bool {
        var offset: Int64 = 0
        while offset < byteCount.value {
            let step = min(byteCount.value - offset, Int64(Limits.copyStepByteCount))
            let count = clinux_copy(target.descriptor.number, source.number, offset, step)
            if [-Int64(EXDEV), -Int64(EINVAL), -Int64(EOPNOTSUPP), -Int64(ENOSYS)].contains(count) { return false }
            try check(count, Subject(.copy, target.path))
            guard count > 0 else { throw FileError(.truncated, .copy, "\(target.path)", "the source became shorter") }
            offset += count
        }
        return true
    }

    // MARK: The disk

    /// See ``StoreFileSystem``.
    public func freeByteCount() throws(FileError) -> ByteCount {
        var disk = statvfs()
        try call(Subject(.freeSpace, folder)) { unsafe fstatvfs(root.number, &disk) }
        return ByteCount(UInt64(disk.f_bavail) * UInt64(disk.f_frsize))
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

/// Copies with reads and writes, whatever the two files are.
func copyBytes(from source: any ReadableFile, to target: any StoreFile) throws(FileError) {
    let byteCount = try source.status().byteCount.value
    var buffer = [UInt8](repeating: 0, count: Int(min(byteCount, Int64(Limits.copyStepByteCount))))
    var offset: Int64 = 0
    while offset < byteCount {
        let count = Int(min(byteCount - offset, Int64(buffer.count)))
        try source.read(into: &buffer, 0..<count, at: ByteOffset(offset))
        unsafe try target.write(buffer.span.bytes.extracting(0..<count), at: ByteOffset(offset))
        offset += Int64(count)
    }
}
