internal import Files
public import Manifest
public import Units

/// What publishing does with symbolic links.
public enum LinkPolicy: Hashable, Sendable {
    /// A link to a regular file is read through: a snapshot of Hugging Face's cache is made of them.
    case readThrough
    /// Any link is refused.
    case refuse
}

/// The files of a path that are to become a version, and what is left out.
public struct PublishPlan: Hashable, Sendable {
    /// One file.
    public struct File: Hashable, Sendable {
        /// Its path in the version.
        public let path: FilePath
        /// Where it is now.
        public let source: String
        /// Its size when it was looked at.
        public let byteCount: ByteCount
    }

    /// Something that does not go into the version.
    public struct LeftOut: Hashable, Sendable, CustomStringConvertible {
        /// Its path below the published one.
        public let path: String
        /// Why, for people.
        public let reason: String

        /// `.git: left out: …`
        public var description: String { "\(path): left out: \(reason)" }
    }

    /// Something about a file that its publisher may want to know.
    public struct Remark: Hashable, Sendable, CustomStringConvertible {
        /// Its path below the published one.
        public let path: String
        /// What it is, for people.
        public let text: String

        /// `model.safetensors: …`
        public var description: String { "\(path): \(text)" }
    }

    /// The variant that they become.
    public let variant: VariantName
    /// Ascending by path; at least one.
    public let files: [File]
    /// What the user should be told.
    public let leftOut: [LeftOut]

    /// The bytes of all files.
    public var byteCount: ByteCount { files.reduce(0) { $0 + $1.byteCount } }

    /// With one more file, from anywhere.
    /// - Throws: `.refused` if the path is taken; `.notFound` and others if the file cannot be read.
    public func adding(_ path: FilePath, from source: String) throws(StoreError) -> PublishPlan {
        guard !files.contains(where: { $0.path == path }) else {
            throw StoreError(.refused, "publish", of: source, "\(path) is in the published files already")
        }
        let byteCount = try doing("publish") { () throws(FileError) in
            try OutsideFile(path: source).status().byteCount
        }
        let file = File(path: path, source: source, byteCount: byteCount)
        return PublishPlan(
            variant: variant, files: (files + [file]).sorted { $0.path < $1.path }, leftOut: leftOut)
    }
}

extension [PublishPlan] {
    /// The bytes of all files of all variants.
    public var byteCount: ByteCount { reduce(0) { $0 + $1.byteCount } }

    /// How many files there are in all variants.
    public var fileCount: Int { reduce(0) { $0 + $1.files.count } }
}
