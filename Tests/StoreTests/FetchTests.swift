import EventLoop
import Files
import Testing
import Units

@testable import Store

@Suite struct FetchTests {
    @Test @LoopActor func shuffledChunksBecomeTheFilesOnARealDisk() async throws {
        let folder = try TemporaryFolder()
        let version = try awkwardVersion()
        let store = try await Store.open(folder.path, node: testNode)
        let start = try await store.begin(version)
        #expect(start.needed.isFull && start.verified.isEmpty)
        var random = SplitMix64(seed: 5)
        for index in version.indices.shuffled(using: &random) {
            #expect(await store.write(version, index) == .verified)
        }
        let done = try await store.commit(version.key)
        #expect(try store.fileSystem.committedFiles(version) == version.files)
        #expect(done.folder == "\(store.folder)/models/test/model/versions/\(version.digest)/default")
        #expect(done.received.neighbour.int == version.chunks.reduce(0) { $0 + $1.count })
        let status = try store.fileSystem.status(
            StorePaths.committed(version.model, version.key).appending("deep/er/less"))
        #expect(status.mode == 0o440)
        #expect(try store.fileSystem.listIfPresent(StorePaths.staging).isEmpty)
    }

    @Test @LoopActor func aChunkWithAWrongHashTouchesNoFile() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        let store = try await Store.open(files, node: testNode)
        try await store.begin(version)
        let index = try #require(version.indices.last)
        var forged = version.chunks[index.int]
        forged[0] ^= 1
        #expect(await store.write(version, index, forged) == .wrongHash)
        #expect(await store.write(version, index, Array(forged.dropLast())) == .wrongHash)
        let path = try StorePaths.assembly(version.key).appending("one")
        #expect(try files.bytes(path) == [0])
        #expect(store.available(version.digest)?.isEmpty == true)
        #expect(store.received(version.key).wasted.int == 2 * forged.count - 1)
        #expect(await store.write(version, index) == .verified)
    }

    @Test @LoopActor func aChunkThatIsThereIsNotWrittenAgain() async throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let version = try awkwardVersion()
        let store = try await Store.open(faulty, node: testNode)
        try await store.begin(version)
        #expect(await store.write(version, 0) == .verified)
        faulty.heal()
        #expect(await store.write(version, 0) == .duplicate)
        #expect(!faulty.calls.contains { $0.operation == .write })
        #expect(store.received(version.key).wasted.int == version.chunks[0].count)
    }

    @Test @LoopActor func twoCopiesOfAChunkAtOnceAreWrittenOnce() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.begin(version)
        async let first = store.write(version, 0)
        async let second = store.write(version, 0)
        let verdicts = await [first, second]
        #expect(verdicts.count { $0 == .verified } == 1)
        #expect(verdicts.count { $0 == .duplicate } == 1)
    }

    @Test @LoopActor func aChunkNobodyWantsIsRefused() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        #expect(await store.write(version, 0) == .notWanted)
        try await store.begin(version)
        let beyond = ChunkIndex(UInt32(version.chunks.count))
        #expect(await store.write(version, beyond, [1]) == .notWanted)
    }

    @Test @LoopActor func aVerifiedChunkIsServedWhileOthersAreMissing() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.begin(version)
        #expect(await store.write(version, 2) == .verified)
        let bytes = try store.readChunk(version.digest, 2, offset: 5, byteCount: 10)
        #expect(bytes == Array(version.chunks[2][5..<15]))
        #expect(throws: StoreError.self) { try store.readChunk(version.digest, 3, offset: 0, byteCount: 1) }
        let beyond = ByteOffset(version.chunks[2].count)
        #expect(throws: StoreError.self) { try store.readChunk(version.digest, 2, offset: beyond, byteCount: 1) }
    }

    @Test @LoopActor func aMissingChunkKeepsTheVersionFromBeingCommitted() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.begin(version)
        for index in version.indices.dropLast() { _ = await store.write(version, index) }
        let error = await #expect(throws: StoreError.self) { try await store.commit(version.key) }
        #expect(error?.code == .refused)
        #expect(error?.detail == "1 chunks are missing")
    }

    @Test @LoopActor func onlyTheChosenVariantsChunksAreNeeded() async throws {
        let pair = try TwoVariants()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        let start = try await store.beginFetch(pair.manifest, pair.layout, variant: pair.small)
        #expect(start.needed.indices == [1])
        let error = await #expect(throws: StoreError.self) {
            try await store.beginFetch(pair.manifest, pair.layout, variant: pair.large)
        }
        #expect(error?.code == .busy)
    }

    @Test @LoopActor func aFullDiskIsToldBeforeTheFirstByte() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(capacity: ByteCount(4 * chunk)), node: testNode)
        let error = await #expect(throws: StoreError.self) { try await store.begin(version) }
        #expect(error?.code == .diskFull)
        #expect(error?.isRetryable == true)
    }

    @Test @LoopActor func aDiskThatFailsTheWriteBlamesNobodyAndTheChunkMayComeAgain() async throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let version = try awkwardVersion()
        let store = try await Store.open(faulty, node: testNode)
        try await store.begin(version)
        faulty.fail(.write, nth: 1, errno: 5, .once)
        guard case .failed(let error) = await store.write(version, 0) else {
            Issue.record("the write did not fail")
            return
        }
        #expect(error.code == .io)
        #expect(await store.write(version, 0) == .verified)
    }

    @Test @LoopActor func aFullDiskInTheJournalLosesNothingButTheHint() async throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let version = try awkwardVersion()
        let store = try await Store.open(faulty, node: testNode)
        try await store.begin(version)
        faulty.fail(.write, nth: 2, errno: 28, .once)
        #expect(await store.write(version, version.indices[1]) == .verified)
    }
}
