internal import Glibc
internal import Units

/// The folders and files of a `MemoryFileSystem`: for each what processes see, and what a power cut would leave.
///
/// A node is linked by at most one name among those that processes see. A name, and a file's bytes, are durable apart
/// from each other, as on a disk.
struct MemoryTree: Sendable {
    struct Node: Sendable {
        var kind: FileKind
        var live = Content()
        var durable = Content()
        /// False once its name is removed; open files go on.
        var isLinked = true
        var linkTarget = ""
        var userID: UInt32 = 0
        var groupID: UInt32 = 0
    }

    struct Content: Sendable {
        var bytes: [UInt8] = []
        var names: [String: Int] = [:]
        var mode: UInt32 = 0
        var modifiedNanoseconds: Int64 = 0
    }

    static let rootID = 0

    var nodes: [Int: Node]
    /// Bytes of all linked files; at most `capacity`.
    private(set) var usedByteCount: Int64 = 0
    let capacity: ByteCount
    /// Counts power cuts: what was opened before one is of no use after it.
    private(set) var generation = 0
    var lockedNodes: Set<Int> = []
    private var nextID = 1
    /// Each change gets a later time of its own.
    private var timeNanoseconds: Int64 = 1_000_000_000

    init(capacity: ByteCount) {
        self.capacity = capacity
        var root = Node(kind: .directory)
        root.live.mode = 0o755
        root.durable.mode = 0o755
        nodes = [MemoryTree.rootID: root]
    }

    // MARK: Finding

    /// - Throws: ENOENT, ENOTDIR, ELOOP as a disk would.
    func find(_ path: StorePath, _ operation: FileOperation) throws(FileError) -> Int {
        var id = MemoryTree.rootID
        for name in path.components {
            guard let next = try directory(id, path, operation).live.names[name] else {
                throw FileError(errno: ENOENT, operation, "\(path)")
            }
            id = next
        }
        return id
    }

    func findDirectory(_ path: StorePath, _ operation: FileOperation) throws(FileError) -> Int {
        let id = try find(path, operation)
        _ = try directory(id, path, operation)
        return id
    }

    /// The folder that holds a path, which must not be the root, and the path's name in it.
    func findParent(
        _ path: StorePath, _ operation: FileOperation
    ) throws(FileError) -> (id: Int, name: String, existing: Int?) {
        guard let parent = path.parent, let name = path.name else {
            throw FileError(.invalidPath, operation, "\(path)", "this cannot be done to the folder itself")
        }
        let id: Int
        do throws(FileError) {
            id = try findDirectory(parent, operation)
        } catch {
            throw FileError(errno: error.systemErrno, operation, "\(path)")
        }
        return (id, name, nodes[id]?.live.names[name])
    }

    func node(_ id: Int) -> Node {
        guard let node = nodes[id] else { preconditionFailure("no node \(id)") }
        return node
    }

    private func directory(_ id: Int, _ path: StorePath, _ operation: FileOperation) throws(FileError) -> Node {
        let node = node(id)
        switch node.kind {
        case .directory: return node
        case .link: throw FileError(errno: ELOOP, operation, "\(path)")
        case .file, .other: throw FileError(errno: ENOTDIR, operation, "\(path)")
        }
    }

    func status(_ id: Int) -> FileStatus {
        let node = node(id)
        let byteCount = node.kind == .link ? node.linkTarget.utf8.count : node.live.bytes.count
        return FileStatus(
            kind: node.kind, byteCount: ByteCount(byteCount), modifiedNanoseconds: node.live.modifiedNanoseconds,
            changedNanoseconds: node.live.modifiedNanoseconds, allocatedByteCount: ByteCount(byteCount),
            mode: node.live.mode, userID: node.userID, groupID: node.groupID)
    }

    // MARK: Changing

    /// Makes a node under a free name.
    mutating func add(
        _ kind: FileKind, _ path: StorePath, mode: UInt32, _ operation: FileOperation
    ) throws(FileError) -> Int {
        guard !path.isRoot else { throw FileError(errno: EEXIST, operation, "\(path)") }
        let (parent, name, existing) = try findParent(path, operation)
        guard existing == nil else { throw FileError(errno: EEXIST, operation, "\(path)") }
        var node = Node(kind: kind)
        node.live.mode = mode
        node.durable.mode = mode
        let id = nextID
        nextID += 1
        nodes[id] = node
        touch(id)
        setName(name, in: parent, to: id)
        return id
    }

    /// Gives a name in a folder to a node, or to none.
    mutating func setName(_ name: String, in parent: Int, to id: Int?) {
        nodes[parent]?.live.names[name] = id
        touch(parent)
    }

    /// Takes the name from a node that nobody can find any more.
    mutating func unlink(_ id: Int) {
        usedByteCount -= Int64(node(id).live.bytes.count)
        nodes[id]?.isLinked = false
    }

    /// Makes room for a file's new length.
    mutating func resize(
        _ id: Int, to byteCount: Int, _ operation: FileOperation, _ path: StorePath
    ) throws(FileError) {
        let current = node(id).live.bytes.count
        if node(id).isLinked {
            let used = usedByteCount + Int64(byteCount - current)
            guard used <= capacity.value || byteCount <= current else {
                throw FileError(errno: ENOSPC, operation, "\(path)")
            }
            usedByteCount = used
        }
        if byteCount < current {
            nodes[id]?.live.bytes.removeLast(current - byteCount)
        } else {
            nodes[id]?.live.bytes.append(contentsOf: repeatElement(0, count: byteCount - current))
        }
        touch(id)
    }

    mutating func replaceBytes(_ id: Int, at offset: Int, with bytes: borrowing RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            guard var content = nodes[id]?.live.bytes else { return }
            nodes[id]?.live.bytes = []  // so that `content` is the only reference, and changes in place
            unsafe content.withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[offset..<(offset + buffer.count)]).copyMemory(
                    from: buffer)
            }
            nodes[id]?.live.bytes = content
        }
        touch(id)
    }

    mutating func touch(_ id: Int) {
        timeNanoseconds += 1_000
        nodes[id]?.live.modifiedNanoseconds = timeNanoseconds
    }

    /// What is live in a node is durable.
    mutating func synchronize(_ id: Int) {
        guard let node = nodes[id] else { return }
        nodes[id]?.durable = node.live
        // A rename is one step on disk: where the new name is durable, the old one is gone.
        let arrived = Set(node.live.names.values).subtracting(node.durable.names.values)
        guard !arrived.isEmpty else { return }
        for other in nodes.keys where other != id {
            let kept = self.node(other).durable.names.filter { !arrived.contains($0.value) }
            nodes[other]?.durable.names = kept
        }
    }

    // MARK: Power

    /// Processes see what the disk has, and what nobody can find is gone.
    mutating func restart(from disk: [Int: Content]) {
        generation += 1
        lockedNodes = []
        var reached: Set<Int> = [MemoryTree.rootID]
        var waiting = [MemoryTree.rootID]
        while let id = waiting.popLast() {
            guard var content = disk[id] else { preconditionFailure("no node \(id)") }
            for (name, child) in content.names.sorted(by: { $0.key < $1.key }) {
                if reached.insert(child).inserted {
                    waiting.append(child)
                } else {
                    content.names[name] = nil  // a rename that was half done; nothing has two names
                }
            }
            nodes[id]?.live = content
            nodes[id]?.durable = content
        }
        nodes = nodes.filter { reached.contains($0.key) }
        for id in reached { nodes[id]?.isLinked = true }
        usedByteCount = nodes.values.reduce(0) { $0 + Int64($1.live.bytes.count) }
    }
}
