internal import CLibuv
internal import Glibc

/// What went wrong with a socket, a name or a signal.
public struct LoopError: Error, Sendable, CustomStringConvertible {
    /// What a caller may want to tell apart.
    public enum Code: Sendable, Hashable {
        /// Nobody listens there. Try later or elsewhere.
        case refused
        /// The deadline passed.
        case timedOut
        /// Another process, or socket of this one, has the address.
        case addressInUse
        /// No such host, address or path.
        case notFound
        /// The system does not allow it to this user.
        case permission
        /// The other side broke the connection.
        case reset
        /// This side has closed already.
        case closed
        /// The arguments make no sense; the detail says why.
        case invalid
        /// Anything else; the detail has the system's words.
        case other
    }

    /// What kind of failure it is.
    public let code: Code
    /// What was tried, for example `connect`.
    public let operation: StaticString
    /// To or on what, and the system's words.
    public let detail: String
    /// The system's error number, 0 if the error is not the system's.
    public let systemErrno: Int32

    /// - Parameter detail: To or on what, and why, in words that say what to do.
    public init(_ code: Code, _ operation: StaticString, _ detail: String, systemErrno: Int32 = 0) {
        self.code = code
        self.operation = operation
        self.detail = detail
        self.systemErrno = systemErrno
    }

    /// - Parameter status: What libuv returned; negative.
    init(status: Int32, _ operation: StaticString, _ subject: String) {
        let words = unsafe uv_strerror(status).map { unsafe String(cString: $0) } ?? "unknown error"
        let detail = subject.isEmpty ? words : "\(subject): \(words)"
        self.init(LoopError.code(of: status), operation, detail, systemErrno: status > -3000 ? -status : 0)
    }

    /// For example `connect 10.0.0.1:7447: connection refused (errno 111)`.
    public var description: String {
        systemErrno == 0 ? "\(operation) \(detail)" : "\(operation) \(detail) (errno \(systemErrno))"
    }

    private static func code(of status: Int32) -> Code {
        switch uv_errno_t(status) {
        case UV_ECONNREFUSED: .refused
        case UV_ETIMEDOUT: .timedOut
        case UV_EADDRINUSE: .addressInUse
        case UV_ENOENT, UV_EADDRNOTAVAIL, UV_EHOSTUNREACH, UV_ENETUNREACH, UV_EAI_NONAME, UV_EAI_NODATA: .notFound
        case UV_EACCES, UV_EPERM: .permission
        case UV_ECONNRESET, UV_EPIPE, UV_ECONNABORTED: .reset
        case UV_ECANCELED, UV_EBADF, UV_ENOTCONN: .closed
        case UV_EINVAL, UV_ENAMETOOLONG: .invalid
        default: .other
        }
    }
}

/// Throws what libuv returned, unless that is success.
func check(_ status: Int32, _ operation: StaticString, _ subject: String = "") throws(LoopError) {
    if status < 0 { throw LoopError(status: status, operation, subject) }
}
