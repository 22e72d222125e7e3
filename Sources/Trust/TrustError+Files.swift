internal import Files
internal import Glibc

extension TrustError {
    /// What a file system reported of something in `folder`, with the next step.
    init(_ error: FileError, in folder: String) {
        switch error.code {
        case .permission where error.systemErrno == EROFS:
            self.init(.readOnly, "\(folder): \(error); mount it for writing")
        case .permission: self.init(.permission, "\(folder): \(error); run this as root or as the agent's user")
        case .notFound: self.init(.notFound, "\(folder): \(error)")
        case .full: self.init(.full, "\(folder): \(error); free some space and try again")
        case .link: self.init(.invalid, "\(folder): \(error); put the file itself there")
        case .wrongKind, .tooLarge, .invalidPath:
            self.init(.invalid, "\(folder): \(error); move it away, or name another folder")
        default: self.init(.io, "\(folder): \(error)")
        }
    }
}
