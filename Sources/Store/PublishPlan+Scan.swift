internal import Files
internal import Glibc
internal import Manifest
public import Units

extension PublishPlan {
    /// Looks at what is to be published: a folder with all that is in it, or one file. Reads no content. Blocks.
    ///
    /// - Throws: `.refused` if a rule is broken: the error's subject names the file, its text the rule and what to do;
    ///   `.notFound`, `.permission`, `.io`.
    public static func scan(
        _ path: String, as variant: VariantName = .default, links: LinkPolicy = .readThrough
    ) throws(StoreError) -> PublishPlan {
        // The path itself may be a link: the user named it.
        switch try OutsideKind.of(path, followingLinks: true) {
        case .file(let byteCount): return try singleFile(path, variant, byteCount)
        case .folder:
            var scan = FolderScan(links: links)
            try scan.run(path)
            return try scan.finish(path, variant)
        case .link: throw refusal(path, "a dangling link: it leads to nothing")
        case .other(let what): throw refusal(path, "\(what), not a file or a folder")
        }
    }

    private static func singleFile(
        _ path: String, _ variant: VariantName, _ byteCount: ByteCount
    ) throws(StoreError) -> PublishPlan {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        guard let file = FilePath(name) else {
            throw refusal(path, FilePath.problem(with: name) ?? "no name for a file")
        }
        return PublishPlan(variant: variant, files: [File(path: file, source: path, byteCount: byteCount)], leftOut: [])
    }

    fileprivate static func refusal(_ path: String, _ rule: String) -> StoreError {
        StoreError(.refused, "publish", of: path, rule)
    }
}

/// What something outside the state folder is.
enum OutsideKind: Hashable {
    case file(ByteCount)
    case folder
    case link
    case other(String)

    static func of(_ path: String, followingLinks: Bool) throws(StoreError) -> OutsideKind {
        var status = stat()
        let result = unsafe followingLinks ? stat(path, &status) : lstat(path, &status)
        guard result == 0 else {
            let number = errno
            if number == ENOENT, followingLinks, unsafe lstat(path, &status) == 0 { return .link }
            throw StoreError(FileError(errno: number, .status, path), "publish")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file(ByteCount(status.st_size))
        case S_IFDIR: return .folder
        case S_IFLNK: return .link
        case S_IFIFO: return .other("a queue (FIFO)")
        case S_IFSOCK: return .other("a socket")
        case S_IFBLK, S_IFCHR: return .other("a device")
        default: return .other("neither file nor folder")
        }
    }
}

/// Walks a folder. Folders that are links are refused, so the walk ends.
private struct FolderScan {
    let links: LinkPolicy
    private var files: [PublishPlan.File] = []
    private var leftOut: [PublishPlan.LeftOut] = []

    init(links: LinkPolicy) { self.links = links }

    mutating func run(_ root: String) throws(StoreError) {
        var pending = [""]
        while let folder = pending.popLast() {
            let place = folder.isEmpty ? root : "\(root)/\(folder)"
            let entries = try doing("publish") { () throws(FileError) in try OutsideFile.list(folder: place) }
            if entries.isEmpty, !folder.isEmpty { leave(folder, "an empty folder; a version has files only") }
            for entry in entries {
                let path = folder.isEmpty ? entry.name : "\(folder)/\(entry.name)"
                if try take(path, name: entry.name, at: "\(place)/\(entry.name)") { pending.append(path) }
            }
        }
    }

    /// True if it is a folder to walk.
    private mutating func take(_ path: String, name: String, at source: String) throws(StoreError) -> Bool {
        if name == ".git" {
            leave(path, "the history of a repository is no part of a model")
            return false
        }
        guard !name.unicodeScalars.contains("\u{FFFD}") else {
            throw PublishPlan.refusal(source, "the name is not valid UTF-8: rename it")
        }
        guard let file = FilePath(path) else {
            throw PublishPlan.refusal(source, "\(FilePath.problem(with: path) ?? "no valid path"): rename or move it")
        }
        switch try resolved(source) {
        case .folder: return true
        case .file(let byteCount):
            files.append(.init(path: file, source: source, byteCount: byteCount))
            guard files.count <= Limits.fileCountMax else {
                throw PublishPlan.refusal(source, "more than \(Limits.fileCountMax) files: pack some of them together")
            }
        case .link: throw PublishPlan.refusal(source, "a dangling link: mend or remove it")
        case .other(let what): throw PublishPlan.refusal(source, "\(what): only files can be published")
        }
        return false
    }

    private func resolved(_ source: String) throws(StoreError) -> OutsideKind {
        let kind = try OutsideKind.of(source, followingLinks: false)
        guard kind == .link else { return kind }
        guard links == .readThrough else {
            throw PublishPlan.refusal(source, "a link, and links are not to be followed: put the file in its place")
        }
        let target = try OutsideKind.of(source, followingLinks: true)
        guard target != .folder else {
            throw PublishPlan.refusal(source, "a link to a folder: only links to files are followed; copy the folder")
        }
        return target
    }

    private mutating func leave(_ path: String, _ reason: String) {
        leftOut.append(.init(path: path, reason: reason))
    }

    consuming func finish(_ root: String, _ variant: VariantName) throws(StoreError) -> PublishPlan {
        guard !files.isEmpty else {
            throw PublishPlan.refusal(root, "nothing to publish: there is no file in it")
        }
        files.sort { $0.path < $1.path }
        leftOut.sort { $0.path < $1.path }
        try requireNoClash()
        return PublishPlan(variant: variant, files: files, leftOut: leftOut)
    }

    /// Names that are one on file systems which ignore case or normalise Unicode.
    private func requireNoClash() throws(StoreError) {
        var seen: [String: String] = [:]
        var folders: [String: String] = [:]
        for file in files {
            let key = Self.folded(file.path.text)
            if let other = seen.updateValue(file.path.text, forKey: key) { throw clash(file, other) }
            var folder = ""
            for component in file.path.components.dropLast() {
                folder += folder.isEmpty ? component : "/\(component)"
                let folderKey = Self.folded(folder)
                let known = folders.updateValue(folder, forKey: folderKey)
                if let known, !known.utf8.elementsEqual(folder.utf8) { throw clash(file, known) }
            }
        }
        for file in files {
            if let folder = folders[Self.folded(file.path.text)] { throw clash(file, folder) }
        }
    }

    private func clash(_ file: PublishPlan.File, _ other: String) -> StoreError {
        PublishPlan.refusal(
            file.source, "\(file.path) and \(other) differ only by case or Unicode normalisation: rename one of them")
    }

    /// Strings compare by canonical equivalence, so normalisation needs no more.
    private static func folded(_ text: String) -> String { text.uppercased().lowercased() }
}
