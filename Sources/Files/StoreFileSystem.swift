public import Units

/// A file of any origin that can be read: one in a `StoreFileSystem`, or an `OutsideFile`.
public protocol ReadableFile: AnyObject, Sendable {
    /// What the file system knows about it now.
    func status() throws(FileError) -> FileStatus

    /// Fills `buffer[range]` with the bytes from `offset` on.
    ///
    /// - Throws: `.truncated` if the file ends before that; what is in the range is then undefined.
    func read(into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset) throws(FileError)

    /// Fills parts of `buffer` with `byteCount` bytes from `offset` on.
    ///
    /// - Throws: as above.
    func read(into buffer: inout [UInt8], _ parts: BufferParts, byteCount: Int, at offset: ByteOffset) throws(FileError)
}

/// An open file of a `StoreFileSystem`. It closes when it is released.
///
/// Calls block and may come from any thread. Two writes to one place at the same time leave either's bytes, or a
/// mixture.
public protocol StoreFile: ReadableFile {
    /// The path by which it was opened.
    var path: StorePath { get }

    /// Writes all bytes, growing the file if need be. Not durable before `synchronize()`.
    ///
    /// - Throws: `.full`; some of the bytes may have been written.
    func write(_ bytes: borrowing RawSpan, at offset: ByteOffset) throws(FileError)

    /// Cuts the file off, or lengthens it with zeros.
    func truncate(to byteCount: ByteCount) throws(FileError)

    /// The file's bytes are durable after this; its name is not, see `synchronizeDirectory`.
    ///
    /// - Throws: What was written since the last success may be lost, and a second call may wrongly succeed: start
    ///   over.
    func synchronize() throws(FileError)

    /// Sets the permissions exactly, for example 0o444.
    func setMode(_ mode: UInt32) throws(FileError)

    /// Reserves the space of a part and makes the file at least as long. Give only parts that have no space yet: some
    /// file systems ask for as much free space as if none were there.
    ///
    /// - Throws: `.full`.
    func reserve(_ byteCount: ByteCount, at offset: ByteOffset) throws(FileError)

    /// Takes a part of another file over without copying: both share the disk's blocks until one is changed.
    ///
    /// - Returns: false, with nothing changed, where the disk cannot do that, or where the part begins or ends within a
    ///   block, but for one that ends with its file.
    func shareBlocks(of part: FilePart, at offset: ByteOffset) throws(FileError) -> Bool

    /// Copies a part of another file, inside the kernel where it can.
    ///
    /// - Throws: `.truncated` if the other file ends before that; some of the bytes may have been written, as with all
    ///   errors.
    func copy(_ part: FilePart, to offset: ByteOffset) throws(FileError)
}

/// A part of a file that another takes over.
public struct FilePart: Sendable {
    /// The file.
    public let file: any ReadableFile
    /// Where the part begins.
    public let offset: ByteOffset
    /// Its length.
    public let byteCount: ByteCount

    /// A part, which the file need not have: the call that takes it finds out.
    public init(of file: any ReadableFile, from offset: ByteOffset, byteCount: ByteCount) {
        self.file = file
        self.offset = offset
        self.byteCount = byteCount
    }

    /// The whole of a file as it is now.
    public init(wholeOf file: any ReadableFile) throws(FileError) {
        self.init(of: file, from: 0, byteCount: try file.status().byteCount)
    }
}

/// A lock that is held until this object is released.
public protocol FileLock: AnyObject, Sendable {}

/// Files beneath one folder; real, in memory and faulty ones conform.
///
/// No call follows a symbolic link or leaves the folder. All calls block and may come from any thread: the pool's, or
/// at start-up. Names are durable only after `synchronizeDirectory` of the folder that holds them.
public protocol StoreFileSystem: Sendable {
    /// The folder's absolute path, for people and for other processes.
    var folder: String { get }

    /// Makes a new file of `byteCount` zeros, with the space on disk reserved, and opens it for writing.
    ///
    /// - Throws: `.exists`; `.full`, and then no file is left.
    func create(_ path: StorePath, reserving byteCount: ByteCount, mode: UInt32) throws(FileError) -> any StoreFile

    /// Opens an existing regular file.
    ///
    /// - Throws: `.notFound`, `.link`, `.wrongKind`.
    func open(_ path: StorePath, for access: FileAccess) throws(FileError) -> any StoreFile

    /// What is there; a link's own status.
    func status(_ path: StorePath) throws(FileError) -> FileStatus

    /// Makes a folder and those above it that are missing, each with `mode`. One that exists is left as it is. Nothing
    /// is durable after this; see `makeDurableDirectory`.
    func makeDirectory(_ path: StorePath, mode: UInt32) throws(FileError)

    /// What is in a folder, sorted by name.
    func list(_ path: StorePath) throws(FileError) -> [DirectoryEntry]

    /// Moves a file, folder or link. Atomic; durable once both folders are synchronized.
    ///
    /// - Throws: `.exists` as `target` says.
    func rename(_ path: StorePath, to newPath: StorePath, target: RenameTarget) throws(FileError)

    /// The names in a folder are durable after this.
    func synchronizeDirectory(_ path: StorePath) throws(FileError)

    /// Removes a file or a link.
    func remove(_ path: StorePath) throws(FileError)

    /// Removes an empty folder.
    func removeDirectory(_ path: StorePath) throws(FileError)

    /// Makes a symbolic link. `target` is text; nobody checks it.
    func makeLink(_ path: StorePath, target: String) throws(FileError)

    /// A symbolic link's text.
    ///
    /// - Throws: `.wrongKind` if it is no link.
    func readLink(_ path: StorePath) throws(FileError) -> String

    /// Sets a file's or folder's permissions exactly.
    func setMode(_ path: StorePath, _ mode: UInt32) throws(FileError)

    /// Gives something to another user or group; nil leaves as it is. Does not follow a link.
    func setOwner(_ path: StorePath, user: UInt32?, group: UInt32?) throws(FileError)

    /// Locks a file or folder against other processes and other calls of this function, without waiting. The lock is on
    /// what is there now: a file that is later replaced by a rename takes the lock with it.
    ///
    /// - Throws: `.busy` if somebody has it.
    func lock(_ path: StorePath) throws(FileError) -> any FileLock

    /// Makes a new file with another's bytes: sharing blocks where the disk can, else copying. Not durable.
    ///
    /// - Throws: `.exists`; `.full`, and then no file is left.
    func copy(from source: any ReadableFile, to path: StorePath, mode: UInt32) throws(FileError) -> CopyMethod

    /// What this user may still write to the disk that the folder is on.
    func freeByteCount() throws(FileError) -> ByteCount
}

extension ReadableFile {
    /// One read for each part.
    public func read(
        into buffer: inout [UInt8], _ parts: BufferParts, byteCount: Int, at offset: ByteOffset
    ) throws(FileError) {
        for done in stride(from: 0, to: byteCount, by: parts.byteCount) {
            try read(into: &buffer, parts.range(after: done, of: byteCount), at: offset + ByteCount(done))
        }
    }

    /// The bytes from `offset` on.
    ///
    /// - Throws: `.truncated` if the file ends before that.
    public func read(byteCount: Int, at offset: ByteOffset) throws(FileError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        try read(into: &bytes, 0..<byteCount, at: offset)
        return bytes
    }
}

extension StoreFile {
    /// As `write(_:at:)` of a span.
    public func write(_ bytes: [UInt8], at offset: ByteOffset) throws(FileError) {
        unsafe try write(bytes.span.bytes, at: offset)
    }
}
