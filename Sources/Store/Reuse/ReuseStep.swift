internal import Crypto
internal import Files
internal import Manifest
internal import Units

/// One run on its way. Blocks; a value: hand it on.
struct ReuseStep: Sendable {
    let run: ReuseRun
    /// From the run's begin: what both files share already.
    private(set) var shared: Range<Int64> = 0..<0

    init(_ run: ReuseRun) { self.run = run }

    /// The part of the file that is assembled which shares blocks; nil if none does.
    var sharedPart: Range<Int64>? {
        shared.isEmpty ? nil : run.offset + shared.lowerBound..<run.offset + shared.upperBound
    }

    /// Shares what can be shared. Needs no space on the disk.
    mutating func shareBlocks(of source: ReuseFile, in assembly: Assembly, _ fileSystem: any StoreFileSystem) {
        let range = run.shareable
        guard !range.isEmpty else { return }
        let didShare = try? assembly.file(run.file).shareBlocks(
            of: part(range, of: source.open(in: fileSystem)), at: ByteOffset(run.offset + range.lowerBound))
        if didShare == true { shared = range }
    }

    /// Copies the rest, and hashes all of it where it is now.
    /// - Returns: for each chunk of the run whether it is right. A wrong one is left for the network.
    func copyAndCheck(
        from source: ReuseFile, in assembly: Assembly, _ fileSystem: any StoreFileSystem
    ) -> [Bool] {
        do throws(FileError) {
            let (from, to) = (try source.open(in: fileSystem), try assembly.file(run.file))
            for range in [0..<shared.lowerBound, shared.upperBound..<run.byteCount] where !range.isEmpty {
                try to.copy(part(range, of: from), to: ByteOffset(run.offset + range.lowerBound))
            }
            return check(to, assembly.map.layout)
        } catch {
            return run.chunks.map { _ in false }
        }
    }

    private func part(_ range: Range<Int64>, of file: any ReadableFile) -> FilePart {
        FilePart(
            of: file, from: ByteOffset(run.sourceOffset + range.lowerBound),
            byteCount: ByteCount(range.upperBound - range.lowerBound))
    }

    private func check(_ file: any StoreFile, _ layout: Layout) -> [Bool] {
        var buffer: [UInt8] = []
        var offset = run.offset
        return run.chunks.map { chunk in
            let byteCount = layout.byteCount(of: chunk)
            defer { offset += Int64(byteCount) }
            if buffer.count < byteCount { buffer = [UInt8](repeating: 0, count: byteCount) }
            guard (try? file.read(into: &buffer, 0..<byteCount, at: ByteOffset(offset))) != nil else { return false }
            return unsafe SHA256.hash(buffer.span.bytes.extracting(0..<byteCount)) == layout.digest(of: chunk)
        }
    }
}
