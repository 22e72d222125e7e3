internal import Units

/// A checked path relative to a file system's folder.
///
/// Components are not empty, neither `.` nor `..`, hold neither `/` nor NUL and at most 255 bytes each: a `StorePath`
/// cannot lead out of the folder by its words, and the file systems follow no links, so not by what is on disk either.
public struct StorePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The folder itself.
    public static let root = StorePath(unchecked: [])

    /// From the folder downwards; empty for the folder itself.
    public let components: [String]

    private init(unchecked components: [String]) { self.components = components }

    /// Reads `models/a/b`.
    ///
    /// - Throws: `.invalidPath`, saying what is wrong with it.
    public init(parsing text: String) throws(FileError) {
        try self.init(components: text.split(separator: "/", omittingEmptySubsequences: false).map(String.init))
    }

    /// - Throws: `.invalidPath`, saying what is wrong with which component.
    public init(components: [String]) throws(FileError) {
        for component in components { try StorePath.check(component, in: components) }
        let path = StorePath(unchecked: components)
        guard path.description.utf8.count <= Limits.storePathByteCountMax else {
            throw FileError(
                .invalidPath, .resolve, components.prefix(3).joined(separator: "/") + "/…",
                "the path is longer than \(Limits.storePathByteCountMax) bytes")
        }
        self = path
    }

    /// The path of something in this folder; `name` may hold several components.
    ///
    /// - Throws: `.invalidPath`.
    public func appending(_ name: String) throws(FileError) -> StorePath {
        try StorePath(components: components + StorePath(parsing: name).components)
    }

    /// The two paths one after the other.
    ///
    /// - Throws: `.invalidPath` when that becomes too long.
    public func appending(_ path: StorePath) throws(FileError) -> StorePath {
        try StorePath(components: components + path.components)
    }

    /// The folder that this is in; nil for the root.
    public var parent: StorePath? { components.isEmpty ? nil : StorePath(unchecked: components.dropLast()) }

    /// The last component; nil for the root.
    public var name: String? { components.last }

    /// True for the root only.
    public var isRoot: Bool { components.isEmpty }

    /// All folders from below the root to this path itself: `a`, `a/b`, `a/b/c`.
    public var prefixes: [StorePath] {
        components.indices.map { StorePath(unchecked: Array(components[...$0])) }
    }

    /// `a/b`, or `.` for the root.
    public var description: String { components.isEmpty ? "." : components.joined(separator: "/") }

    /// By component, so that a folder's contents stand together.
    public static func < (left: StorePath, right: StorePath) -> Bool {
        left.components.lexicographicallyPrecedes(right.components)
    }

    private static func check(_ component: String, in components: [String]) throws(FileError) {
        let problem: String
        if component.isEmpty {
            problem = "a part of the path is empty"
        } else if component == "." || component == ".." {
            problem = "a part of the path is \(component)"
        } else if component.utf8.contains(0) || component.utf8.contains(UInt8(ascii: "/")) {
            problem = "a part of the path holds NUL or a slash"
        } else if component.utf8.count > Limits.fileNameByteCountMax {
            problem = "a part of the path is longer than \(Limits.fileNameByteCountMax) bytes"
        } else {
            return
        }
        throw FileError(.invalidPath, .resolve, components.joined(separator: "/"), problem)
    }
}

extension StorePath: ExpressibleByStringLiteral {
    /// A path that is written in the code.
    ///
    /// - Precondition: It is a valid path.
    public init(stringLiteral text: StaticString) {
        do {
            try self.init(parsing: text.description)
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
