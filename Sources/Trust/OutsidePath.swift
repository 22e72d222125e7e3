internal import Files

/// Where a user's path leads, though its last parts may not exist yet. Two texts that name one place give equal values.
struct OutsidePath: Equatable, Sendable {
    /// The deepest folder on the way that exists: absolute, without links.
    private(set) var existing: String
    /// The names below it.
    private(set) var missing: [String] = []

    /// - Throws: if not even the root or the working folder can be opened.
    init(_ text: String) throws(FileError) {
        existing = try RealFileSystem(folder: text.hasPrefix("/") ? "/" : ".").folder
        for name in text.split(separator: "/") where name != "." { step(to: String(name)) }
    }

    private mutating func step(to name: String) {
        // A folder may be entered by somebody who may not open the one above it, so each is tried.
        if missing.last != nil, name == ".." {
            missing.removeLast()
        } else if let found = try? RealFileSystem(folder: "\(text)/\(name)") {
            (existing, missing) = (found.folder, [])
        } else {
            missing.append(name)
        }
    }

    /// The whole path.
    var text: String {
        missing.isEmpty ? existing : "\(existing == "/" ? "" : existing)/\(missing.joined(separator: "/"))"
    }

    /// True if this is `folder`, or somewhere in it.
    func isIn(_ folder: OutsidePath) -> Bool { folder.text == "/" || "\(text)/".hasPrefix("\(folder.text)/") }
}
