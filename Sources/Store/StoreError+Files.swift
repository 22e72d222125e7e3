internal import Files
internal import Glibc

extension StoreError {
    /// What the file system said, as an error of `operation`.
    init(_ error: FileError, _ operation: StaticString) {
        let code: Code =
            switch error.code {
            case .notFound: .notFound
            case .full: .diskFull
            case .permission: error.systemErrno == EROFS ? .readOnly : .permission
            case .busy: .busy
            case .truncated, .wrongKind, .link, .tooLarge: .corrupt
            case .unsupported: .unsupported
            case .exists, .invalidPath, .io: .io
            }
        let advice = StoreError(code, operation, of: "").detail
        self.init(
            code, operation, of: error.path, "\(error.operation): \(error.detail): \(advice)",
            systemErrno: error.systemErrno)
    }
}

/// Does something with files, and tells what was meant by it when it fails.
func doing<T>(_ operation: StaticString, _ body: () throws(FileError) -> T) throws(StoreError) -> T {
    do throws(FileError) {
        return try body()
    } catch {
        throw StoreError(error, operation)
    }
}

extension StoreFileSystem {
    /// What is there; nil if nothing is.
    func statusIfPresent(_ path: StorePath) throws(FileError) -> FileStatus? {
        do throws(FileError) {
            return try status(path)
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    /// What is in a folder; empty if there is none.
    func listIfPresent(_ path: StorePath) throws(FileError) -> [DirectoryEntry] {
        do throws(FileError) {
            return try list(path)
        } catch {
            if error.isNotFound { return [] }
            throw error
        }
    }

    /// Removes a file or link, if there is one.
    func removeIfPresent(_ path: StorePath) throws(FileError) {
        do throws(FileError) {
            try remove(path)
        } catch {
            if !error.isNotFound { throw error }
        }
    }

    /// Removes folders that are empty, from `path` up to but without `limit`. One that is not empty ends it.
    func pruneEmpty(_ path: StorePath, upTo limit: StorePath) {
        var folder = path
        while folder != limit, !folder.isRoot {
            guard (try? removeDirectory(folder)) != nil, let parent = folder.parent else { return }
            folder = parent
        }
    }
}
