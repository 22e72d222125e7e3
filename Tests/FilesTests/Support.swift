import Files
import Glibc
import Testing
import Units

/// A folder on this machine's disk that goes away with its owner.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/shoal-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let start = buffer.baseAddress, let path = unsafe mkdtemp(start) else { return nil }
            return unsafe String(cString: path)
        }
        path = try #require(made)
    }

    deinit {
        guard let system = try? RealFileSystem(folder: path) else { return }
        for entry in (try? system.list(.root)) ?? [] {
            if let child = try? StorePath(parsing: entry.name) { try? system.removeTree(child) }
        }
        _ = unsafe rmdir(path)
    }
}

/// A disk of one of the kinds that must behave alike.
struct Disk {
    enum Kind: CaseIterable, Sendable { case real, memory, faultyThatDoesNotFail }

    let files: any StoreFileSystem
    private let folder: TemporaryFolder?

    init(_ kind: Kind) throws {
        switch kind {
        case .real, .faultyThatDoesNotFail:
            let folder = try TemporaryFolder()
            let real = try RealFileSystem(folder: folder.path)
            self.folder = folder
            files = kind == .real ? real : FaultyFileSystem(real)
        case .memory:
            folder = nil
            files = MemoryFileSystem()
        }
    }
}

/// The code of the error that `body` throws, nil if it throws none.
func code(_ body: () throws -> Void) -> FileError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? FileError)?.code
    }
}

extension StoreFileSystem {
    func put(_ path: StorePath, _ bytes: [UInt8], mode: UInt32 = 0o644) throws {
        try create(path, reserving: 0, mode: mode).write(bytes, at: 0)
    }

    func get(_ path: StorePath) throws -> [UInt8] { try readWhole(path, byteCountMax: 1 << 24) }

    func names(_ path: StorePath = .root) throws -> [String] { try list(path).map(\.name) }
}

/// Bytes of which no two places at a power of two apart are alike.
func pattern(_ byteCount: Int) -> [UInt8] {
    var bytes = (0..<4_099).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    while bytes.count < byteCount { bytes += bytes }
    return Array(bytes.prefix(byteCount))
}
