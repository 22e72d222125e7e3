import EventLoop
import Files
import Manifest
import Testing
import Units

@testable import Store

/// Some files of a version, put together beside the versions.
@Suite struct PartTests {
    private func version() throws -> TestVersion {
        try TestVersion(["a": noise(3 * chunk, seed: 1), "b/c": noise(10, seed: 2), "d": noise(chunk, seed: 3)])
    }

    @LoopActor private func beginPart(_ version: TestVersion, in store: Store) async throws -> FetchStart {
        try await store.beginPart(
            version.manifest, version.layout, variant: version.key.variant, files: [try #require(FilePath("b/c"))]
        ).start
    }

    @Test @LoopActor func onlyItsFilesComeToBeAndItIsNeverCommitted() async throws {
        let memory = MemoryFileSystem()
        let version = try version()
        let store = try await Store.open(memory, node: testNode)
        let start = try await beginPart(version, in: store)
        #expect(start.needed.indices.map { version.chunks[$0.int].count } == [10])
        for index in start.needed.indices { #expect(await store.write(version, index) == .verified) }
        #expect(await store.write(version, 0) == .notWanted)
        #expect(store.available(version.digest)?.indices == start.needed.indices)
        let folder = StorePaths.assembly(version.key)
        #expect(try memory.bytes(folder.appending("b").appending("c")) == version.files["b/c"])
        #expect(try memory.exists(folder.appending("a")) == false)
        await #expect(throws: StoreError.self) { try await store.commit(version.key) }
        #expect(store.committed.isEmpty)
        #expect(!store.isBeingFetched(version.key))
        await store.endPart(version.key)
        #expect(try memory.list(StorePaths.staging).isEmpty)
        #expect(!store.hasPart(of: version.digest))
    }

    @Test @LoopActor func partAndWholeKeepOutOfEachOthersWay() async throws {
        let version = try version()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        _ = try await beginPart(version, in: store)
        await #expect(throws: StoreError.self) { _ = try await store.begin(version) }
        await #expect(throws: StoreError.self) { _ = try await beginPart(version, in: store) }
        await store.endPart(version.key)
        try await store.take(version)
        await #expect(throws: StoreError.self) { _ = try await beginPart(version, in: store) }
        await store.endPart(version.key)
        #expect(store.committed(version.key) != nil)
    }

    @Test @LoopActor func whatACrashLeftOfItIsAFetchThatNobodyWants() async throws {
        let memory = MemoryFileSystem()
        let version = try version()
        let before = try await Store.open(memory, node: testNode)
        _ = try await beginPart(version, in: before)
        await before.close()
        let store = try await Store.open(memory, node: testNode)
        #expect(store.interrupted == [version.key])
        // And a whole fetch may take it up.
        try await store.take(version)
        #expect(try memory.committedFiles(version) == version.files)
    }
}
