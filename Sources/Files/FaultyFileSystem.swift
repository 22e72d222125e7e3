internal import Synchronization
public import Units

/// Another file system whose calls can be made to fail.
///
/// A test of durability runs an action again and again, and fails its first call, its second, … until none is left.
public final class FaultyFileSystem: StoreFileSystem {
    /// How long a fault lasts.
    public enum Duration: Sendable, Hashable {
        case once
        /// That call and all later ones.
        case forEver
    }

    /// One call that was made, failed or not.
    public struct Call: Sendable, Hashable {
        /// What was asked for.
        public let operation: FileOperation
        /// On what; of a rename, the new path.
        public let path: StorePath
    }

    private struct Fault {
        let operation: FileOperation?
        let errno: Int32
        let duration: Duration
        /// Calls that still succeed before it.
        var remaining: Int
    }

    private struct State {
        var fault: Fault?
        var calls: [Call] = []
        var failureCount = 0
    }

    private let base: any StoreFileSystem
    private let state = Mutex(State())

    /// Passes all calls on until told to fail.
    public init(_ base: any StoreFileSystem) { self.base = base }

    /// Makes a call fail, counted from now; replaces what an earlier `fail` asked for, and empties `calls`.
    ///
    /// A write that fails has written the first half of its bytes.
    /// - Parameters:
    ///   - operation: Which calls count; nil, all.
    ///   - nth: 1 for the next.
    ///   - errno: The system's error, for example `ENOSPC` or `EIO`.
    public func fail(_ operation: FileOperation? = nil, nth: Int, errno: Int32, _ duration: Duration) {
        precondition(nth > 0, "calls are counted from 1")
        state.withLock {
            $0 = State(fault: Fault(operation: operation, errno: errno, duration: duration, remaining: nth - 1))
        }
    }

    /// Nothing fails any more; `calls` is emptied.
    public func heal() { state.withLock { $0 = State() } }

    /// What was called since the last `fail` or `heal`, in order.
    public var calls: [Call] { state.withLock { $0.calls } }

    /// How many calls were made to fail since the last `fail` or `heal`.
    public var failureCount: Int { state.withLock { $0.failureCount } }

    /// Takes note of a call, and throws if it is one that is to fail.
    fileprivate func enter(_ operation: FileOperation, _ path: StorePath) throws(FileError) {
        let errno: Int32? = state.withLock { state in
            state.calls.append(Call(operation: operation, path: path))
            guard let fault = state.fault, fault.operation == nil || fault.operation == operation else { return nil }
            guard fault.remaining == 0 else {
                state.fault?.remaining -= 1
                return nil
            }
            if fault.duration == .once { state.fault = nil }
            state.failureCount += 1
            return fault.errno
        }
        if let errno { throw FileError(errno: errno, operation, "\(path)") }
    }

    // MARK: The calls

    /// See ``StoreFileSystem``.
    public var folder: String { base.folder }

    /// See ``StoreFileSystem``.
    public func create(
        _ path: StorePath, reserving byteCount: ByteCount, mode: UInt32
    ) throws(FileError) -> any StoreFile {
        try enter(.create, path)
        return FaultyFile(try base.create(path, reserving: byteCount, mode: mode), self)
    }

    /// See ``StoreFileSystem``.
    public func open(_ path: StorePath, for access: FileAccess) throws(FileError) -> any StoreFile {
        try enter(.open, path)
        return FaultyFile(try base.open(path, for: access), self)
    }

    /// See ``StoreFileSystem``.
    public func status(_ path: StorePath) throws(FileError) -> FileStatus {
        try enter(.status, path)
        return try base.status(path)
    }

    /// See ``StoreFileSystem``.
    public func makeDirectory(_ path: StorePath, mode: UInt32) throws(FileError) {
        try enter(.makeDirectory, path)
        try base.makeDirectory(path, mode: mode)
    }

    /// See ``StoreFileSystem``.
    public func list(_ path: StorePath) throws(FileError) -> [DirectoryEntry] {
        try enter(.list, path)
        return try base.list(path)
    }

    /// See ``StoreFileSystem``.
    public func rename(_ path: StorePath, to newPath: StorePath, target: RenameTarget) throws(FileError) {
        try enter(.rename, newPath)
        try base.rename(path, to: newPath, target: target)
    }

    /// See ``StoreFileSystem``.
    public func synchronizeDirectory(_ path: StorePath) throws(FileError) {
        try enter(.synchronizeDirectory, path)
        try base.synchronizeDirectory(path)
    }

    /// See ``StoreFileSystem``.
    public func remove(_ path: StorePath) throws(FileError) {
        try enter(.remove, path)
        try base.remove(path)
    }

    /// See ``StoreFileSystem``.
    public func removeDirectory(_ path: StorePath) throws(FileError) {
        try enter(.removeDirectory, path)
        try base.removeDirectory(path)
    }

    /// See ``StoreFileSystem``.
    public func makeLink(_ path: StorePath, target: String) throws(FileError) {
        try enter(.makeLink, path)
        try base.makeLink(path, target: target)
    }

    /// See ``StoreFileSystem``.
    public func readLink(_ path: StorePath) throws(FileError) -> String {
        try enter(.readLink, path)
        return try base.readLink(path)
    }

    /// See ``StoreFileSystem``.
    public func setMode(_ path: StorePath, _ mode: UInt32) throws(FileError) {
        try enter(.setMode, path)
        try base.setMode(path, mode)
    }

    /// See ``StoreFileSystem``.
    public func setOwner(_ path: StorePath, user: UInt32?, group: UInt32?) throws(FileError) {
        try enter(.setOwner, path)
        try base.setOwner(path, user: user, group: group)
    }

    /// See ``StoreFileSystem``.
    public func lock(_ path: StorePath) throws(FileError) -> any FileLock {
        try enter(.lock, path)
        return try base.lock(path)
    }

    /// See ``StoreFileSystem``.
    public func copy(
        from source: any ReadableFile, to path: StorePath, mode: UInt32
    ) throws(FileError) -> CopyMethod {
        try enter(.copy, path)
        // The file inside, so that the disk can share its blocks.
        return try base.copy(from: (source as? FaultyFile)?.base ?? source, to: path, mode: mode)
    }

    /// See ``StoreFileSystem``.
    public func freeByteCount() throws(FileError) -> ByteCount {
        try enter(.freeSpace, .root)
        return try base.freeByteCount()
    }
}

extension FilePart {
    /// Of the file inside, so that the kernel can do it.
    fileprivate var inside: FilePart {
        FilePart(of: (file as? FaultyFile)?.base ?? file, from: offset, byteCount: byteCount)
    }
}

/// An open file of a `FaultyFileSystem`.
private final class FaultyFile: StoreFile {
    let base: any StoreFile
    private let system: FaultyFileSystem

    init(_ base: any StoreFile, _ system: FaultyFileSystem) {
        self.base = base
        self.system = system
    }

    var path: StorePath { base.path }

    func status() throws(FileError) -> FileStatus {
        try system.enter(.status, path)
        return try base.status()
    }

    func read(into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset) throws(FileError) {
        try system.enter(.read, path)
        try base.read(into: &buffer, range, at: offset)
    }

    func write(_ bytes: borrowing RawSpan, at offset: ByteOffset) throws(FileError) {
        do throws(FileError) {
            try system.enter(.write, path)
        } catch {
            try? base.write(bytes.extracting(0..<(bytes.byteCount / 2)), at: offset)
            throw error
        }
        try base.write(bytes, at: offset)
    }

    func truncate(to byteCount: ByteCount) throws(FileError) {
        try system.enter(.truncate, path)
        try base.truncate(to: byteCount)
    }

    func synchronize() throws(FileError) {
        try system.enter(.synchronize, path)
        try base.synchronize()
    }

    func setMode(_ mode: UInt32) throws(FileError) {
        try system.enter(.setMode, path)
        try base.setMode(mode)
    }

    func reserve(_ byteCount: ByteCount, at offset: ByteOffset) throws(FileError) {
        try system.enter(.reserve, path)
        try base.reserve(byteCount, at: offset)
    }

    func shareBlocks(of part: FilePart, at offset: ByteOffset) throws(FileError) -> Bool {
        try system.enter(.shareBlocks, path)
        return try base.shareBlocks(of: part.inside, at: offset)
    }

    func copy(_ part: FilePart, to offset: ByteOffset) throws(FileError) {
        try system.enter(.copy, path)
        try base.copy(part.inside, to: offset)
    }
}
