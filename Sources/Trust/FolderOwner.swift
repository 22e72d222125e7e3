internal import Files
internal import Glibc

/// Whom files in a folder belong to when root writes them: the folder's owner, or an agent that runs as its own user
/// could not read what a command that runs as root left there.
struct FolderOwner: Sendable {
    private let user: UInt32
    private let group: UInt32

    /// Nil if files belong to the right user anyway: this process is not root, or the folder is root's.
    init?(of files: any StoreFileSystem) throws(FileError) {
        let status = try files.status(.root)
        guard geteuid() == 0, status.userID != 0 else { return nil }
        user = status.userID
        group = status.groupID
    }

    /// Gives it what is at `path`.
    func own(_ path: StorePath, in files: any StoreFileSystem) throws(FileError) {
        try files.setOwner(path, user: user, group: group)
    }
}
