import Control
import Files
import Manifest
import Units

/// Copies a version's folder to a place of the user's: plain files that belong to whoever runs the command, sharing
/// blocks with the version where both are on one disk that can.
enum PlainFiles {
    /// Makes the folder, unless it is there and empty.
    /// - Throws: `ControlError`, before anything is fetched for it.
    static func prepare(_ folder: String) throws(ControlError) {
        do throws(FileError) { _ = try empty(folder) } catch { throw reported(error) }
    }

    private static func empty(_ folder: String) throws(FileError) -> RealFileSystem {
        let target = try RealFileSystem(folder: folder, creatingWithMode: 0o755)
        guard try target.list(.root).isEmpty else {
            throw FileError(.exists, .create, folder, "it is not empty: name a folder that is, or a new one")
        }
        return target
    }

    private static func reported(_ error: FileError) -> ControlError {
        ControlError(error.code == .permission ? .notAllowed : .failed, "\(error)")
    }

    /// - Parameter files: the only ones to copy, by their paths below the version; nil for all.
    /// - Returns: the folder's absolute path.
    /// - Throws: `ControlError`; what was copied before stays.
    static func copy(
        from version: String, to folder: String, only files: [String]? = nil
    ) throws(ControlError) -> String {
        do throws(FileError) {
            let target = try empty(folder)
            guard let files else {
                try copy(below: version, to: .root, in: target)
                return target.folder
            }
            for file in files {
                let to = try StorePath(parsing: file)
                if let parent = to.parent { try target.makeDirectory(parent, mode: 0o755) }
                _ = try target.copy(from: try OutsideFile(path: "\(version)/\(file)"), to: to, mode: 0o644)
            }
            return target.folder
        } catch {
            throw reported(error)
        }
    }

    private static func copy(
        below source: String, to folder: StorePath, in target: RealFileSystem
    ) throws(FileError) {
        for entry in try OutsideFile.list(folder: source) {
            let (from, to) = ("\(source)/\(entry.name)", try folder.appending(entry.name))
            if entry.kind == .directory {
                try target.makeDirectory(to, mode: 0o755)
                try copy(below: from, to: to, in: target)
            } else {
                _ = try target.copy(from: try OutsideFile(path: from), to: to, mode: 0o644)
            }
        }
    }
}
