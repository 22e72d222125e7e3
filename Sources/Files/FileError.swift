internal import Glibc

/// What a file system is asked to do: named in errors, and what `FaultyFileSystem` makes fail.
public enum FileOperation: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// The check of a path's words, before any call.
    case resolve
    case create, open, read, write, truncate, synchronize, status
    case makeDirectory = "make directory"
    case list, rename
    case synchronizeDirectory = "synchronize directory"
    case remove
    case removeDirectory = "remove directory"
    case makeLink = "make link"
    case readLink = "read link"
    case setMode = "set mode"
    case setOwner = "set owner"
    case lock, copy, reserve
    case shareBlocks = "share blocks"
    case freeSpace = "ask for free space"

    /// As in an error's text.
    public var description: String { rawValue }
}

/// What went wrong with a file. The text names operation, path and the system's error.
public struct FileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Code: Sendable, Hashable {
        /// Nothing has that name.
        case notFound
        /// Something has that name already.
        case exists
        /// No space, or no quota, left. Free some and try again.
        case full
        /// Not for this user.
        case permission
        /// A folder where a file is needed, or the other way round, or a folder that is not empty.
        case wrongKind
        /// A link on the way, which is never followed.
        case link
        /// Another process has the lock. Try later.
        case busy
        /// The file ends before what was asked for.
        case truncated
        /// The file is larger than the caller's bound.
        case tooLarge
        /// The path's words are not allowed.
        case invalidPath
        /// The system cannot do it here; the detail says what is missing.
        case unsupported
        /// The disk failed, or anything else.
        case io
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was tried.
    public let operation: FileOperation
    /// On what, relative to the file system's folder; an outside file's path as it was given.
    public let path: String
    /// More words; empty if the code says it all.
    public let detail: String
    /// The system's error number, 0 if the error is not the system's.
    public let systemErrno: Int32

    /// An error that the system did not report.
    public init(_ code: Code, _ operation: FileOperation, _ path: String, _ detail: String) {
        self.code = code
        self.operation = operation
        self.path = path
        self.detail = detail
        systemErrno = 0
    }

    /// An error that the system reported.
    public init(errno number: Int32, _ operation: FileOperation, _ path: String) {
        code = FileError.code(of: number)
        self.operation = operation
        self.path = path
        detail = FileError.words(for: number)
        systemErrno = number
    }

    /// Nothing has that name.
    public var isNotFound: Bool { code == .notFound }
    /// Something has that name already.
    public var isExisting: Bool { code == .exists }
    /// No space, or no quota, left.
    public var isFull: Bool { code == .full }
    /// Another process has the lock.
    public var isBusy: Bool { code == .busy }

    /// For example `write staging/9f3c/model.bin: no space left on device (errno 28)`.
    public var description: String {
        systemErrno == 0 ? "\(operation) \(path): \(detail)" : "\(operation) \(path): \(detail) (errno \(systemErrno))"
    }

    private static func words(for number: Int32) -> String {
        switch number {
        case ENOSYS: return "the kernel lacks this call: Linux 5.6 or newer is needed"
        case EXDEV: return "it lies on another file system, and all of the state folder must be on one"
        case ELOOP: return "a link is on the way, and links are not followed here"
        default: break
        }
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "unknown error" }
        let words = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: words, as: UTF8.self).lowercased()
    }

    private static func code(of number: Int32) -> Code {
        switch number {
        case ENOENT: .notFound
        case EEXIST: .exists
        case ENOSPC, EDQUOT, EFBIG: .full
        case EACCES, EPERM, EROFS: .permission
        case ENOTDIR, EISDIR, ENOTEMPTY: .wrongKind
        case ELOOP: .link
        case EWOULDBLOCK: .busy
        case ENAMETOOLONG: .invalidPath
        case ENOSYS, EOPNOTSUPP, EXDEV, EINVAL: .unsupported
        default: .io
        }
    }
}
