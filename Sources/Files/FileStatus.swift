public import Units

/// What something in a folder is.
public enum FileKind: Sendable, Hashable {
    /// A regular file.
    case file
    case directory
    /// A symbolic link; never followed.
    case link
    /// A socket, device or queue.
    case other
}

/// What the file system knows about something. Links are not followed.
public struct FileStatus: Sendable, Hashable {
    /// What it is.
    public let kind: FileKind
    /// A file's length; without meaning for others.
    public let byteCount: ByteCount
    /// When its bytes were last changed: nanoseconds since 1970. Anybody who may write can set it.
    public let modifiedNanoseconds: Int64
    /// When its bytes or its status were last changed, by the kernel's word.
    public let changedNanoseconds: Int64
    /// What it takes on the disk, blocks that it shares included.
    public let allocatedByteCount: ByteCount
    /// Permissions, as in `chmod`: 0o444.
    public let mode: UInt32
    /// The owner's number.
    public let userID: UInt32
    /// The group's number.
    public let groupID: UInt32

    /// All fields, as the system or a simulation of it gives them.
    public init(
        kind: FileKind, byteCount: ByteCount, modifiedNanoseconds: Int64, changedNanoseconds: Int64,
        allocatedByteCount: ByteCount, mode: UInt32, userID: UInt32, groupID: UInt32
    ) {
        self.changedNanoseconds = changedNanoseconds
        self.allocatedByteCount = allocatedByteCount
        self.kind = kind
        self.byteCount = byteCount
        self.modifiedNanoseconds = modifiedNanoseconds
        self.mode = mode
        self.userID = userID
        self.groupID = groupID
    }
}

/// One name in a folder.
public struct DirectoryEntry: Sendable, Hashable {
    /// The name, one component.
    public let name: String
    /// What it is.
    public let kind: FileKind
}

/// What a file is opened for.
public enum FileAccess: Sendable, Hashable {
    case reading
    /// Reading and writing.
    case writing
}

/// What a rename does when the target's name is taken.
public enum RenameTarget: Sendable, Hashable {
    /// The target is replaced, atomically.
    case mayExist
    /// `.exists` is thrown, and nothing changes.
    case mustNotExist
}

/// How a copy was made.
public enum CopyMethod: Sendable, Hashable {
    /// Both files share their blocks until one is changed.
    case sharedBlocks
    /// Byte by byte.
    case copied
}
