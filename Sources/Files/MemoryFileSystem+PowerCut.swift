internal import Synchronization
public import Units

/// What a power cut does to what was not synchronized.
public enum PowerCut: Sendable, Hashable {
    /// All of it is lost: the disk was lazy.
    case losesAll
    /// Each sector of a file, each file's length and each name, on its own, is the old or the new: a file may be torn,
    /// a rename half done.
    case keepsSome(seed: UInt64)
}

extension MemoryFileSystem {
    /// Cuts the power and starts again: what was synchronized is there; open files and locks are of no use.
    public func cutPower(_ cut: PowerCut = .losesAll) {
        tree.withLock { tree in
            var random: SplitMix64? = if case .keepsSome(let seed) = cut { SplitMix64(seed: seed) } else { nil }
            var disk: [Int: MemoryTree.Content] = [:]
            for id in tree.nodes.keys.sorted() {  // in an order that the seed alone decides
                let node = tree.node(id)
                disk[id] = random == nil ? node.durable : node.torn(&random)
            }
            tree.restart(from: disk)
        }
    }

    /// A bit of the disk rots: changes one byte, live and durable, and not the time of modification.
    public func spoilByte(of path: StorePath, at offset: ByteOffset) throws(FileError) {
        try tree.withLock { tree throws(FileError) in
            let id = try tree.find(path, .write)
            let index = Int(offset.value)
            guard tree.node(id).live.bytes.indices.contains(index) else {
                throw FileError(.truncated, .write, "\(path)", "it has no byte \(index)")
            }
            tree.nodes[id]?.live.bytes[index] ^= 0x40
            if tree.node(id).durable.bytes.indices.contains(index) { tree.nodes[id]?.durable.bytes[index] ^= 0x40 }
        }
    }
}

extension MemoryTree.Node {
    private static let sectorByteCount = 512

    /// Between durable and live, as chance has it.
    fileprivate func torn(_ random: inout SplitMix64?) -> MemoryTree.Content {
        var content = durable
        if coin(&random) {
            content.mode = live.mode
            content.modifiedNanoseconds = live.modifiedNanoseconds
        }
        let byteCount = coin(&random) ? live.bytes.count : durable.bytes.count
        content.bytes = [UInt8](repeating: 0, count: byteCount)
        for start in stride(from: 0, to: byteCount, by: MemoryTree.Node.sectorByteCount) {
            let origin = coin(&random) ? live.bytes : durable.bytes
            let end = min(start + MemoryTree.Node.sectorByteCount, byteCount, origin.count)
            if start < end { content.bytes.replaceSubrange(start..<end, with: origin[start..<end]) }
        }
        for name in Set(live.names.keys).union(durable.names.keys).sorted() where coin(&random) {
            content.names[name] = live.names[name]
        }
        return content
    }

    private func coin(_ random: inout SplitMix64?) -> Bool {
        guard var generator = random else { return false }
        defer { random = generator }
        return Bool.random(using: &generator)
    }
}
