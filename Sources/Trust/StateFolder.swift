internal import EventLoop
internal import Files
internal import FoundationEssentials
internal import Units

/// Small durable files beneath a state folder or a keys' folder.
public struct StateFolder: Sendable {
    static let nodeKey = "keys/node.pem"
    static let nodeCertificate = "keys/node.crt"
    static let authorityKey = "keys/ca.pem"
    static let ledger = "keys/issued.json"

    /// The folder, for people.
    public let path: String
    private let files: RealFileSystem

    /// - Throws: `.notJoined` if there is no such folder.
    public init(path: String) throws(TrustError) {
        self.path = path
        do throws(FileError) {
            files = try RealFileSystem(folder: path)
        } catch {
            throw error.isNotFound
                ? TrustError(.notJoined, "there is no folder \(path)") : TrustError(.io, "\(path): \(error)")
        }
    }

    /// A state folder, made with its parts if it is missing.
    public init(creating path: String) throws(TrustError) {
        try self.init(path, parts: ["keys", "documents/root", "documents/heads", "documents/deny", "documents/manifests", "documents/layouts"])
    }

    /// A folder that only its owner enters.
    public init(creatingPrivate path: String) throws(TrustError) { try self.init(path, parts: []) }

    private init(_ path: String, parts: [String]) throws(TrustError) {
        self.path = path
        do throws(FileError) {
            files = try RealFileSystem(folder: path, creatingWithMode: parts.isEmpty ? 0o700 : 0o750)
            for part in parts {
                try files.makeDurableDirectory(StorePath(parsing: part), mode: part == "keys" ? 0o700 : 0o750)
            }
        } catch {
            throw TrustError(.io, "\(path): \(error)")
        }
    }

    /// Replaces a file, durably and atomically.
    public func write(_ bytes: [UInt8], at path: String, mode: UInt32) throws(TrustError) {
        try reporting { () throws(FileError) in try files.writeAtomically(StorePath(parsing: path), bytes, mode: mode) }
    }

    /// A whole file, or nil if it is not there.
    public func readBytes(at path: String, atMost limit: Int) throws(TrustError) -> [UInt8]? {
        do throws(FileError) {
            return try files.readWhole(StorePath(parsing: path), byteCountMax: limit)
        } catch {
            if error.isNotFound { return nil }
            throw TrustError(.io, "\(self.path): \(error)")
        }
    }

    /// A small text file, or nil if it is not there.
    func readText(at path: String) throws(TrustError) -> String? {
        guard let bytes = try readBytes(at: path, atMost: 64 << 10) else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw TrustError(.invalid, "\(self.path)/\(path) is not text") }
        return text
    }

    /// The names in a folder; none if the folder is not there.
    func list(_ path: String) throws(TrustError) -> [String] {
        do throws(FileError) {
            return try files.list(path == "." ? .root : StorePath(parsing: path)).map(\.name)
        } catch {
            if error.isNotFound { return [] }
            throw TrustError(.io, "\(self.path): \(error)")
        }
    }

    /// Removes a file; one that is not there is fine.
    func remove(_ path: String) throws(TrustError) {
        do throws(FileError) {
            try files.remove(StorePath(parsing: path))
        } catch {
            if !error.isNotFound { throw TrustError(.io, "\(self.path): \(error)") }
        }
    }

    /// A JSON file, or nil if it is not there.
    public func readJSON<T: Decodable>(_ type: T.Type, at path: String) throws(TrustError) -> T? {
        guard let bytes = try readBytes(at: path, atMost: 16 << 20) else { return nil }
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw TrustError(.invalid, "\(self.path)/\(path) is damaged: restore it from a backup, or remove it to start anew")
        }
    }

    /// Replaces a JSON file, durably and atomically.
    public func writeJSON(_ value: some Encodable & Sendable, at path: String) throws(TrustError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        guard let data = try? encoder.encode(value) else { preconditionFailure("\(path) has no JSON") }
        try write(Array(data), at: path, mode: 0o600)
    }

    private func reporting<T>(_ work: () throws(FileError) -> T) throws(TrustError) -> T {
        do throws(FileError) { return try work() } catch { throw TrustError(.io, "\(path): \(error)") }
    }
}
