internal import Crypto
internal import Files
internal import Manifest
internal import Units

/// Reads a variant's files from end to end and compares what it reads with the layout, the manifest, or both. It goes
/// in slices, so that a long check can keep to a pace, and ends with its version. A value: hand it on.
struct ChunkSweep: Sendable {
    /// What is compared.
    enum Scope: Sendable {
        /// These chunks only, and no whole file: what a journal claims.
        case chunks(ChunkSet)
        /// Whole files, and chunks as well if so.
        case files(VerificationDepth)
    }

    /// Chunks of which at least one place is not right.
    private(set) var damaged: ChunkSet
    /// Files, by number, that are missing, or have another size or hash.
    private(set) var damagedFiles: [Int] = []
    private(set) var checkedByteCount: ByteCount = 0

    private let map: ChunkMap
    private let folder: StorePath
    private let scope: Scope
    private var current: OpenedFile?
    /// The files that are still to be read, in reverse.
    private var filesLeft: [Int]

    private struct OpenedFile: Sendable {
        let number: Int
        /// Nil if it could not be opened: then all its chunks are damaged.
        let file: (any StoreFile)?
        var position = 0
        var offset: Int64 = 0
        var hasher = SHA256Hasher()
        var isDamaged: Bool
    }

    /// - Parameter files: which files are read; a chunk is looked at in these only.
    init(_ map: ChunkMap, folder: StorePath, scope: Scope, files: [Int]) {
        self.map = map
        self.folder = folder
        self.scope = scope
        filesLeft = files.reversed()
        damaged = ChunkSet(capacity: map.layout.chunkCount)
    }

    /// Sweeps that may run at the same time and together read all files: about the same number of bytes each.
    static func parallel(_ map: ChunkMap, folder: StorePath, scope: Scope) -> [ChunkSweep] {
        var groups = [(files: [Int], byteCount: Int64)](repeating: ([], 0), count: Limits.parallelSweepCount)
        let bySize = map.files.indices.sorted { map.files[$0].byteCount > map.files[$1].byteCount }
        for number in bySize {
            let smallest = groups.indices.min { groups[$0].byteCount < groups[$1].byteCount } ?? 0
            groups[smallest].files.append(number)
            groups[smallest].byteCount += map.files[number].byteCount.value
        }
        return groups.filter { !$0.files.isEmpty }
            .map { ChunkSweep(map, folder: folder, scope: scope, files: $0.files.sorted()) }
    }

    /// Takes in what another sweep of the same variant found.
    mutating func merge(_ other: ChunkSweep) {
        for index in other.damaged.indices { damaged.insert(index) }
        damagedFiles = (damagedFiles + other.damagedFiles).sorted()
        checkedByteCount += other.checkedByteCount
    }

    /// Reads on, at most about `byteCountMax`; true once everything was read. Blocks. A byte that cannot be read is
    /// damage.
    mutating func advance(in fileSystem: any StoreFileSystem, byteCountMax: Int) -> Bool {
        var buffer: [UInt8] = []
        var left = byteCountMax
        while left > 0 {
            if current == nil {
                guard let number = filesLeft.popLast() else { return true }
                current = open(number, in: fileSystem)
            }
            left -= step(&buffer)
        }
        return current == nil && filesLeft.isEmpty
    }

    private func open(_ number: Int, in fileSystem: any StoreFileSystem) -> OpenedFile {
        let path = StorePaths.file(map.files[number].path, in: folder)
        let file = try? fileSystem.open(path, for: .reading)
        let hasRightSize = (try? file?.status().byteCount) == map.files[number].byteCount
        return OpenedFile(number: number, file: file, isDamaged: !hasRightSize)
    }

    /// One chunk of the current file, or its end; gives what it cost.
    private mutating func step(_ buffer: inout [UInt8]) -> Int {
        guard var opened = current else { return 0 }
        let chunks = map.chunks(ofFile: opened.number)
        guard opened.position < chunks.count else {
            finish(opened)
            current = nil
            return 1
        }
        let index = ChunkIndex(chunks[chunks.startIndex + opened.position])
        let byteCount = map.layout.byteCount(of: index)
        var cost = 1
        if isWanted(index) {
            cost = byteCount
            checkedByteCount += ByteCount(byteCount)
            if buffer.count < byteCount { buffer = [UInt8](repeating: 0, count: byteCount) }
            check(index, byteCount: byteCount, in: &opened, &buffer)
        }
        opened.position += 1
        opened.offset += Int64(byteCount)
        current = opened
        return cost
    }

    private func isWanted(_ index: ChunkIndex) -> Bool {
        if case .chunks(let set) = scope { set.contains(index) } else { true }
    }

    private mutating func check(
        _ index: ChunkIndex, byteCount: Int, in opened: inout OpenedFile, _ buffer: inout [UInt8]
    ) {
        guard let file = opened.file,
            (try? file.read(into: &buffer, 0..<byteCount, at: ByteOffset(opened.offset))) != nil
        else {
            damaged.insert(index)
            opened.isDamaged = true
            return
        }
        let span = unsafe buffer.span.bytes.extracting(0..<byteCount)
        switch scope {
        case .chunks: break
        case .files(let depth):
            opened.hasher.update(span)
            if depth == .files { return }
        }
        if SHA256.hash(span) != map.layout.digest(of: index) {
            damaged.insert(index)
            opened.isDamaged = true
        }
    }

    private mutating func finish(_ opened: OpenedFile) {
        guard case .files = scope else { return }
        if opened.isDamaged || opened.hasher.finish() != map.files[opened.number].digest {
            damagedFiles.append(opened.number)
        }
    }
}
