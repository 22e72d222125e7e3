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
    /// When its bytes were last changed: nanoseconds since 1970.
    public let modifiedNanoseconds: Int64
    /// Permissions, as in `chmod`: 0o444.
    public let mode: UInt32
    /// The owner's number.
    public let userID: UInt32
    /// The group's number.
    public let groupID: UInt32

    /// All fields, as the system or a simulation of it gives them.
    public init(
        kind: FileKind, byteCount: ByteCount, modifiedNanoseconds: Int64, mode: UInt32, userID: UInt32, groupID: UInt32
    ) {
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
