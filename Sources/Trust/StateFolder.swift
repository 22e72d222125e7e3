internal import Files
internal import FoundationEssentials
internal import Units

/// Small durable files beneath a state folder or a keys' folder. Its calls block.
public struct StateFolder: Sendable {
    static let nodeKey = "keys/node.pem"
    static let nodeCertificate = "keys/node.crt"
    static let authorityKey = "keys/ca.pem"
    static let ledger = "keys/issued.json"

    /// The folder, for people.
    public let path: String
    private let files: any StoreFileSystem
    private let owner: FolderOwner?

    /// Files of any kind: for tests.
    init(path: String, files: any StoreFileSystem) {
        self.path = path
        self.files = files
        owner = nil
    }

    /// Opens a folder that exists.
    /// - Throws: `.notJoined` if there is no such folder; `.permission`.
    public init(path: String) throws(TrustError) {
        self.path = path
        do throws(FileError) {
            files = try RealFileSystem(folder: path)
            owner = try FolderOwner(of: files)
        } catch {
            throw error.isNotFound
                ? TrustError(
                    .notJoined,
                    "there is no folder \(path); run `shoal init` on the first node, `shoal join` on others"
                )
                : TrustError(error, in: path)
        }
    }

    /// A state folder, made with its parts if it is missing.
    /// - Throws: `.permission`, `.io`, or `.invalid` if something else is in its place.
    public init(creating path: String) throws(TrustError) {
        self.path = path
        do throws(FileError) {
            files = try Self.makeDurably(path, mode: 0o750)
            owner = try FolderOwner(of: files)
            for part in ["documents"] + DocumentArchive.folders + ["keys"] {
                let folder = try StorePath(parsing: part)
                try files.makeDurableDirectory(folder, mode: part == "keys" ? 0o700 : 0o750)
                try owner?.own(folder, in: files)
            }
            try files.setMode("keys", 0o700)
        } catch {
            throw TrustError(error, in: path)
        }
    }

    /// A folder that only its owner enters.
    /// - Throws: `.notAllowed` if it exists, has something in it, and others may write to it; `.permission`, `.io`.
    public init(creatingPrivate path: String) throws(TrustError) {
        self.path = path
        let mode: UInt32
        let isEmpty: Bool
        do throws(FileError) {
            files = try Self.makeDurably(path, mode: 0o700)
            owner = try FolderOwner(of: files)
            mode = try files.status(.root).mode
            isEmpty = try files.list(.root).isEmpty
            if isEmpty { try files.setMode(.root, 0o700) }
        } catch {
            throw TrustError(error, in: path)
        }
        guard isEmpty || mode & 0o022 == 0 else {
            throw TrustError(.notAllowed, "others may write to \(path); choose a folder of your own for keys")
        }
    }

    /// Makes what is missing of a folder and those above it, and makes their names durable.
    private static func makeDurably(_ path: String, mode: UInt32) throws(FileError) -> RealFileSystem {
        let place = try OutsidePath(path)
        let files = try RealFileSystem(folder: path, creatingWithMode: mode)
        var parent = place.existing
        for name in place.missing {
            try RealFileSystem(folder: parent).synchronizeDirectory(.root)
            parent += "/\(name)"
        }
        return files
    }

    /// Replaces a file, durably and atomically. Where root writes, it belongs to the folder's owner.
    public func write(_ bytes: [UInt8], at path: String, mode: UInt32) throws(TrustError) {
        do throws(FileError) {
            let place = try StorePath(parsing: path)
            try files.writeAtomically(place, bytes, mode: mode)
            try owner?.own(place, in: files)
        } catch {
            throw TrustError(error, in: self.path)
        }
    }

    /// A whole file, or nil if it is not there.
    public func readBytes(at path: String, atMost limit: Int) throws(TrustError) -> [UInt8]? {
        do throws(FileError) {
            return try files.readWhole(StorePath(parsing: path), byteCountMax: limit)
        } catch {
            if error.isNotFound { return nil }
            throw TrustError(error, in: self.path)
        }
    }

    /// A small text file, or nil if it is not there.
    func readText(at path: String) throws(TrustError) -> String? {
        guard let bytes = try readBytes(at: path, atMost: Limits.privateKeyByteCountMax) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw TrustError(.invalid, "\(self.path)/\(path) is not text; restore it from a backup")
        }
        return text
    }

    /// A file's permissions.
    func mode(of path: String) throws(TrustError) -> UInt32 {
        do throws(FileError) {
            return try files.status(StorePath(parsing: path)).mode & 0o777
        } catch {
            throw TrustError(error, in: self.path)
        }
    }

    /// The names in a folder, sorted; none if the folder is not there. `.` is the folder itself.
    func list(_ path: String) throws(TrustError) -> [String] {
        do throws(FileError) {
            return try files.list(path == "." ? .root : StorePath(parsing: path)).map(\.name)
        } catch {
            if error.isNotFound { return [] }
            throw TrustError(error, in: self.path)
        }
    }

    /// Removes a file; one that is not there is fine. Not durable.
    func remove(_ path: String) throws(TrustError) {
        do throws(FileError) {
            try files.remove(StorePath(parsing: path))
        } catch {
            if !error.isNotFound { throw TrustError(error, in: self.path) }
        }
    }

    /// Removes what a power cut left of files that were being replaced, as far as that works.
    func removeLeftovers() {
        for folder in DocumentArchive.folders + ["keys"] {
            for name in (try? list(folder)) ?? [] where TemporaryName.matches(name) { try? remove("\(folder)/\(name)") }
        }
    }

    /// A JSON file, or nil if it is not there.
    public func readJSON<T: Decodable>(_ type: T.Type, at path: String) throws(TrustError) -> T? {
        guard let bytes = try readBytes(at: path, atMost: Limits.stateJSONByteCountMax) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw TrustError(
                .invalid, "\(self.path)/\(path) is damaged: restore it from a backup, or remove it to start anew")
        }
    }

    /// Replaces a JSON file, durably and atomically. Only its owner, as `write` has it, may read it.
    public func writeJSON(_ value: some Encodable & Sendable, at path: String) throws(TrustError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(path) has no JSON") }
        try write(Array(data), at: path, mode: 0o600)
    }
}
