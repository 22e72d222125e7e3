internal import Glibc
internal import Synchronization
internal import Units

/// An open file of a `MemoryFileSystem`.
final class MemoryFile: StoreFile {
    let path: StorePath
    private let system: MemoryFileSystem
    private let id: Int
    private let generation: Int
    private let access: FileAccess

    init(_ system: MemoryFileSystem, _ path: StorePath, _ id: Int, _ generation: Int, _ access: FileAccess) {
        self.system = system
        self.path = path
        self.id = id
        self.generation = generation
        self.access = access
    }

    func status() throws(FileError) -> FileStatus {
        try change(.status) { tree throws(FileError) in tree.status(id) }
    }

    func read(into buffer: inout [UInt8], _ range: Range<Int>, at offset: ByteOffset) throws(FileError) {
        precondition(buffer.indices.contains(range), "a read of \(range) into \(buffer.count) bytes")
        let start = Int(offset.value)
        let bytes = try change(.read) { tree throws(FileError) in
            let bytes = tree.node(id).live.bytes
            guard start + range.count <= bytes.count || range.isEmpty else {
                throw FileError(
                    .truncated, .read, "\(path)", "it ends at byte \(bytes.count), before \(start + range.count)")
            }
            return range.isEmpty ? [] : Array(bytes[start..<(start + range.count)])
        }
        buffer.replaceSubrange(range, with: bytes)
    }

    func write(_ bytes: borrowing RawSpan, at offset: ByteOffset) throws(FileError) {
        let start = Int(offset.value)
        // A span may not be captured by the lock's closure, an array may.
        let copy = unsafe bytes.withUnsafeBytes { unsafe Array($0) }
        try change(.write) { tree throws(FileError) in
            guard access == .writing else { throw FileError(errno: EBADF, .write, "\(path)") }
            guard !copy.isEmpty else { return }
            let end = start + copy.count
            if end > tree.node(id).live.bytes.count { try tree.resize(id, to: end, .write, path) }
            unsafe tree.replaceBytes(id, at: start, with: copy.span.bytes)
        }
    }

    func truncate(to byteCount: ByteCount) throws(FileError) {
        try change(.truncate) { tree throws(FileError) in
            guard access == .writing else { throw FileError(errno: EINVAL, .truncate, "\(path)") }
            try tree.resize(id, to: byteCount.int, .truncate, path)
        }
    }

    func synchronize() throws(FileError) {
        try change(.synchronize) { tree throws(FileError) in tree.synchronize(id) }
    }

    func reserve(_ byteCount: ByteCount, at offset: ByteOffset) throws(FileError) {
        let end = Int((offset + byteCount).value)
        try change(.reserve) { tree throws(FileError) in
            guard end > tree.node(id).live.bytes.count else { return }
            try tree.resize(id, to: end, .reserve, path)
        }
    }

    /// Memory has no blocks.
    func shareBlocks(of part: FilePart, at offset: ByteOffset) throws(FileError) -> Bool { false }

    func copy(_ part: FilePart, to offset: ByteOffset) throws(FileError) { try copyBytes(part, to: self, at: offset) }

    func setMode(_ mode: UInt32) throws(FileError) {
        try change(.setMode) { tree throws(FileError) in tree.nodes[id]?.live.mode = mode }
    }

    private func change<R: Sendable>(
        _ operation: FileOperation, _ body: (inout MemoryTree) throws(FileError) -> R
    ) throws(FileError) -> R {
        try system.tree.withLock { tree throws(FileError) in
            guard tree.generation == generation else {
                throw FileError(.io, operation, "\(path)", "the power was cut since it was opened")
            }
            return try body(&tree)
        }
    }
}
