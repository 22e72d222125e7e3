internal import Crypto
internal import EventLoop
internal import Files
internal import Manifest
internal import Synchronization
internal import Units

/// A variant that is being put together in its staging folder: its files in their final sizes, and the journal.
///
/// What the network brought is hashed before it is written, to every place where its chunk occurs; what is taken from
/// files here is hashed in its new place. Used by jobs on the pool.
final class Assembly: Sendable {
    let map: ChunkMap
    let folder: StorePath
    private let fileSystem: any StoreFileSystem
    private let openFiles = Mutex(RecentlyUsed<Int, any StoreFile>(capacity: Limits.openWriteFileCountMax))
    /// A file's writes go one after the other (two at a time only queue in the kernel); files share these locks.
    private let lanes = (0..<8).map { _ in WriteLane() }
    private let journal: JournalTail

    private init(map: ChunkMap, fileSystem: any StoreFileSystem, journal: JournalTail) {
        self.map = map
        self.fileSystem = fileSystem
        self.journal = journal
        folder = StorePaths.assembly(map.key)
    }

    /// Makes folder, files and journal, or takes up those that an earlier run left. The files have their sizes and no
    /// space yet. Blocks.
    /// - Returns: what the journal claims, for the caller to hash before anything of it is believed.
    static func begin(
        _ map: ChunkMap, in fileSystem: any StoreFileSystem
    ) throws(StoreError) -> (assembly: Assembly, journal: JournalContent) {
        try doing("begin fetch") { () throws(FileError) in
            let folder = StorePaths.assembly(map.key)
            try fileSystem.makeDirectory(folder, mode: StorePaths.folderMode)
            for file in map.files {
                try prepare(StorePaths.file(file.path, in: folder), byteCount: file.byteCount, in: fileSystem)
            }
            let (tail, content) = try JournalTail.open(for: map, in: fileSystem)
            return (Assembly(map: map, fileSystem: fileSystem, journal: tail), content)
        }
    }

    /// Leaves a file of the right size alone; its bytes are judged by their hashes.
    private static func prepare(
        _ path: StorePath, byteCount: ByteCount, in fileSystem: any StoreFileSystem
    ) throws(FileError) {
        if let status = try fileSystem.statusIfPresent(path) {
            if status.kind == .file, status.byteCount == byteCount {
                // A commit that was interrupted may have taken the right to write.
                if status.mode & 0o200 == 0 { try fileSystem.setMode(path, StorePaths.assemblyMode) }
                return
            }
            try fileSystem.removeTree(path)
        }
        if let parent = path.parent { try fileSystem.makeDirectory(parent, mode: StorePaths.folderMode) }
        let file = try fileSystem.create(path, reserving: 0, mode: StorePaths.assemblyMode)
        if byteCount > 0 { try file.truncate(to: byteCount) }
    }

    /// Reserves the space that the files do not have yet: all of it, or none. Blocks.
    /// - Parameter shared: by file, the parts that share another's blocks; ascending.
    func reserveSpace(except shared: [Int: [Range<Int64>]]) throws(StoreError) {
        try doing("begin fetch") { () throws(FileError) in
            var gaps: [Gap] = []
            for number in map.files.indices { gaps += try self.gaps(number, shared[number] ?? []) }
            // What is begun and does not fit would keep the disk full.
            let byteCount = gaps.reduce(0 as Int64) { $0 + $1.missingByteCount }
            guard try fileSystem.freeByteCount().value >= byteCount else {
                throw FileError(.full, .reserve, "\(folder)", "\(byteCount) bytes are needed")
            }
            do throws(FileError) {
                for gap in gaps {
                    try file(gap.file).reserve(ByteCount(gap.range.count), at: ByteOffset(gap.range.lowerBound))
                }
            } catch {
                for gap in gaps where gap.isUntouchedFile { try? giveBack(gap.file) }
                throw error
            }
        }
    }

    /// A part of a file that may have no space yet.
    private struct Gap {
        let file: Int
        let range: Range<Int64>
        /// Space that the file has already, outside of what it shares.
        let allocated: Int64
        let isUntouchedFile: Bool

        var missingByteCount: Int64 { max(0, Int64(range.count) - allocated) }
    }

    private func gaps(_ number: Int, _ shared: [Range<Int64>]) throws(FileError) -> [Gap] {
        let end = map.files[number].byteCount.value
        let allocated = try file(number).status().allocatedByteCount.value
        // An earlier run has reserved it.
        guard end > 0, allocated < end else { return [] }
        var gaps: [Gap] = []
        var position: Int64 = 0
        for part in shared + [end..<end] {
            if part.lowerBound > position {
                gaps.append(
                    Gap(
                        file: number, range: position..<part.lowerBound, allocated: shared.isEmpty ? allocated : 0,
                        isUntouchedFile: allocated == 0))
            }
            position = part.upperBound
        }
        return gaps
    }

    private func giveBack(_ number: Int) throws(FileError) {
        try file(number).truncate(to: 0)
        try file(number).truncate(to: map.files[number].byteCount)
    }

    /// Hashes the bytes and, if they are the chunk, writes them everywhere and notes them in the journal. Blocks.
    func write(
        _ bytes: borrowing RawSpan, as index: ChunkIndex, from source: ByteSource
    ) -> (ChunkVerdict, ChunkTimes) {
        let began = Clock.now()
        let isRight =
            bytes.byteCount == map.layout.byteCount(of: index) && SHA256.hash(bytes) == map.layout.digest(of: index)
        let hashed = Clock.now()
        let verdict = isRight ? write(bytes, verifiedAs: index, from: source) : .wrongHash
        return (verdict, ChunkTimes(hashing: hashed - began, writing: Clock.now() - hashed))
    }

    private func write(
        _ bytes: borrowing RawSpan, verifiedAs index: ChunkIndex, from source: ByteSource
    ) -> ChunkVerdict {
        do throws(FileError) {
            for place in map.places(of: index) {
                let file = try file(place.file)
                try lanes[place.file % lanes.count].write(bytes, at: place.offset, to: file)
            }
        } catch {
            return .failed(StoreError(error, "write chunk"))
        }
        journal.append(.chunk(index, byteCount: ByteCount(bytes.byteCount), from: source))
        return .verified
    }

    /// Counts payload that was thrown away; it is written with the next chunk.
    func noteWasted(_ byteCount: ByteCount) { journal.noteWasted(byteCount) }

    /// Notes a chunk that lies at all its places, hashed there.
    func noteLocal(_ index: ChunkIndex) {
        journal.append(.chunk(index, byteCount: ByteCount(map.layout.byteCount(of: index)), from: .local))
    }

    /// One of the variant's files, open for writing.
    func file(_ number: Int) throws(FileError) -> any StoreFile {
        if let open = openFiles.withLock({ $0[number] }) { return open }
        // Two jobs may both open it; either's handle serves.
        let file = try fileSystem.open(StorePaths.file(map.files[number].path, in: folder), for: .writing)
        openFiles.withLock { $0.insert(file, for: number) }
        return file
    }
}

/// Lets one write through at a time.
private final class WriteLane: Sendable {
    private let lock = Mutex(())

    func write(_ bytes: borrowing RawSpan, at offset: ByteOffset, to file: any StoreFile) throws(FileError) {
        let failure = unsafe bytes.withUnsafeBytes { bytes in
            lock.withLock { _ -> FileError? in
                do throws(FileError) {
                    try unsafe file.write(bytes.bytes, at: offset)
                    return nil
                } catch {
                    return error
                }
            }
        }
        if let failure { throw failure }
    }
}

/// The open end of a journal.
private final class JournalTail: Sendable {
    private struct State {
        var recordCount: Int
        var wastedByteCount: Int64 = 0
    }

    private let file: any StoreFile
    private let state: Mutex<State>

    private init(file: any StoreFile, recordCount: Int) {
        self.file = file
        state = Mutex(State(recordCount: recordCount))
    }

    static func open(
        for map: ChunkMap, in fileSystem: any StoreFileSystem
    ) throws(FileError) -> (JournalTail, JournalContent) {
        let path = StorePaths.journal(map.key)
        var content = JournalContent(chunkCount: map.layout.chunkCount)
        if try fileSystem.statusIfPresent(path) == nil {
            // Room for a record of waste with each chunk: the journal cannot be what runs out of space.
            let byteCount = ByteCount((2 * map.needed.count + 64) * JournalRecord.byteCount)
            let file = try fileSystem.create(path, reserving: byteCount, mode: StorePaths.ownMode)
            return (JournalTail(file: file, recordCount: 0), content)
        }
        let file = try fileSystem.open(path, for: .writing)
        let end = try file.status().byteCount.value
        var offset: Int64 = 0
        while offset < end {
            let piece = try file.read(byteCount: Int(min(end - offset, pieceByteCount)), at: ByteOffset(offset))
            guard content.absorb(piece) else { break }
            offset += Int64(piece.count)
        }
        return (JournalTail(file: file, recordCount: content.recordCount), content)
    }

    /// The journal is a hint, so a record that cannot be written is no failure: its chunk will be fetched again.
    func append(_ record: JournalRecord) {
        state.withLock { state in
            var bytes: [UInt8] = []
            if state.wastedByteCount > 0 {
                let part = UInt32(clamping: state.wastedByteCount)
                bytes += JournalRecord.wasted(part).encode(number: state.recordCount)
                state.wastedByteCount -= Int64(part)
            }
            bytes += record.encode(number: state.recordCount + bytes.count / JournalRecord.byteCount)
            let offset = ByteOffset(state.recordCount * JournalRecord.byteCount)
            guard (try? file.write(bytes, at: offset)) != nil else { return }
            state.recordCount += bytes.count / JournalRecord.byteCount
        }
    }

    func noteWasted(_ byteCount: ByteCount) { state.withLock { $0.wastedByteCount += byteCount.value } }

    private static let pieceByteCount: Int64 = 64 << 10
}
