import EventLoop
import Files
import Manifest
import Testing
import Units

@testable import Store

@Suite struct VerifyTests {
    @LoopActor private func taken(_ version: TestVersion, in files: any StoreFileSystem) async throws -> Store {
        let store = try await Store.open(files, node: testNode)
        try await store.take(version)
        return store
    }

    @Test(arguments: [VerificationDepth.files, .filesAndChunks]) @LoopActor
    func anIntactVersionIsFoundIntact(depth: VerificationDepth) async throws {
        let version = try awkwardVersion()
        let store = try await taken(version, in: MemoryFileSystem())
        var progress: [ByteCount] = []
        let report = try await store.verify(version.key, depth) { progress.append($0) }
        #expect(report.isIntact)
        #expect(report.checkedByteCount == version.manifest.value.byteCount)
        #expect(progress.last == report.checkedByteCount)
    }

    @Test(arguments: [VerificationDepth.files, .filesAndChunks]) @LoopActor
    func aFlippedBitIsFoundAndWithdrawnForGood(depth: VerificationDepth) async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        let index: ChunkIndex
        do {
            let store = try await taken(version, in: files)
            let path = try StorePaths.committed(version.model, version.key).appending("long")
            try files.spoilByte(of: path, at: ByteOffset(3 * chunk + 5))
            let report = try await store.verify(version.key, depth)
            index = try #require(report.damaged.first)
            #expect(report.damaged.count == 1)
            #expect(report.damagedFiles.map(\.text) == ["long"])
            #expect(store.available(version.digest)?.missing == [index])
            #expect(throws: StoreError.self) { try store.readChunk(version.digest, index, offset: 0, byteCount: 1) }
        }
        let store = try await Store.open(files, node: testNode)
        #expect(store.committed.first?.damaged == [index])
        #expect(try await store.attach(version).contains(index) == false)
        #expect(try await store.attach(version).count == version.chunks.count - 1)
    }

    @Test @LoopActor func aChunkThatSomebodyCalledBadIsLookedAt() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        do {
            let store = try await taken(version, in: files)
            #expect(try await store.recheck(version.digest, 0))
            // The chunk's last place only.
            try files.spoilByte(of: StorePaths.committed(version.model, version.key).appending("b/again"), at: 5)
            #expect(try await store.recheck(version.digest, 1))
            #expect(try await store.recheck(version.digest, 0) == false)
            #expect(store.available(version.digest)?.missing == [0])
            #expect(try await store.recheck(version.digest, 0) == false)
        }
        let store = try await Store.open(files, node: testNode)
        #expect(try await store.attach(version).missing == [0])
    }

    @Test @LoopActor func aMissingFileIsDamage() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        let store = try await taken(version, in: files)
        try files.remove(StorePaths.committed(version.model, version.key).appending("empty"))
        try files.remove(StorePaths.committed(version.model, version.key).appending("deep/more"))
        let report = try await store.verify(version.key)
        #expect(report.damagedFiles.map(\.text) == ["deep/more", "empty"])
        #expect(report.damaged.count == 2)
    }

    @Test @LoopActor func aCheckEndsWhenItsVersionIsRemoved() async throws {
        let version = try awkwardVersion()
        let store = try await taken(version, in: MemoryFileSystem())
        async let report = Result.of { try await store.verify(version.key) }
        try await store.remove(version.digest)
        switch await report {
        case .success(let report): #expect(report.checkedByteCount > 0, "the check was quicker")
        case .failure(let error): #expect([.cancelled, .notFound].contains((error as? StoreError)?.code))
        }
        #expect(store.committed.isEmpty)
    }
}
