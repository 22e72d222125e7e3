/// Why something about the store could not be done.
public struct StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is. More may come: have a default where you switch.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code's name, for logs.
        public let description: String

        /// No such version, file or folder.
        public static let notFound = Code(description: "not found")
        /// What is on disk is not what was recorded.
        public static let corrupt = Code(description: "corrupt")
        /// No space is left; the state is `full`.
        public static let diskFull = Code(description: "disk full")
        /// The file system takes no writes; the state is `read-only`.
        public static let readOnly = Code(description: "read-only")
        /// The process may not do this.
        public static let permission = Code(description: "not permitted")
        /// Another process, or another operation on the same version, has it now.
        public static let busy = Code(description: "busy")
        /// Written by a newer build, or for another node: bad configuration (exit 78).
        public static let foreign = Code(description: "foreign state")
        /// The version is served and stays.
        public static let inUse = Code(description: "in use")
        /// What was given cannot be published or stored; the text says which rule it breaks.
        public static let refused = Code(description: "refused")
        /// The operation was abandoned, because the version was removed or the store closed.
        public static let cancelled = Code(description: "cancelled")
        /// The file system, or the kernel, cannot do it.
        public static let unsupported = Code(description: "not supported here")
        /// The disk failed.
        public static let io = Code(description: "input/output error")
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was being done, for example `commit`.
    public let operation: StaticString
    /// What it was done to: a path below the state folder, or a version.
    public let subject: String
    /// What is wrong and what to do, in words.
    public let detail: String
    /// The kernel's code, or 0.
    public let systemErrno: Int32

    /// True if the same call may succeed later without anything being repaired.
    public var isRetryable: Bool { code == .busy || code == .diskFull || code == .readOnly }

    /// An error about `subject`.
    public init(
        _ code: Code, _ operation: StaticString, of subject: String, _ detail: String = "", systemErrno: Int32 = 0
    ) {
        self.code = code
        self.operation = operation
        self.subject = subject
        self.detail = detail.isEmpty ? Self.advice(for: code) : detail
        self.systemErrno = systemErrno
    }

    /// Operation, subject, kind, the kernel's code, and what to do.
    public var description: String {
        let number = systemErrno == 0 ? "" : " (errno \(systemErrno))"
        return "\(operation) \(subject): \(code)\(number): \(detail)"
    }

    /// By all fields.
    public static func == (left: StoreError, right: StoreError) -> Bool {
        left.code == right.code && left.operation.description == right.operation.description
            && left.subject == right.subject && left.detail == right.detail && left.systemErrno == right.systemErrno
    }

    /// By what mostly differs.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(code)
        hasher.combine(operation.description)
        hasher.combine(subject)
    }

    private static func advice(for code: Code) -> String {
        switch code {
        case .diskFull: "free space on the state folder's file system, or remove a version"
        case .readOnly: "mount the state folder's file system for writing"
        case .permission: "run as root or as the agent's user"
        case .busy: "try again"
        case .inUse: "switch to another version first"
        case .corrupt: "remove the version and fetch it again"
        case .unsupported: "keep the state folder where this works"
        case .io: "look at the disk's health (kernel log)"
        default: "nothing was changed"
        }
    }
}
