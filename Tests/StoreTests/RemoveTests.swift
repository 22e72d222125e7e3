import EventLoop
import Files
import Glibc
import Testing
import Units

@testable import Store

@Suite struct RemoveTests {
    private func small(_ tag: String, _ byte: UInt8) throws -> TestVersion {
        try TestVersion(["x": [byte], "sub/y": noise(900, seed: UInt64(byte))], tag: tag)
    }

    @Test @LoopActor func theServedVersionStays() async throws {
        let version = try small("one", 1)
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.take(version)
        try await store.setCurrent(version.model, version.key)
        let error = await #expect(throws: StoreError.self) { try await store.remove(version.digest) }
        #expect(error?.code == .inUse)
        #expect(store.committed(version.key) != nil)
    }

    @Test @LoopActor func aVersionThatAnInferenceProcessHoldsStays() async throws {
        let version = try small("one", 1)
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.take(version)
        let error = await #expect(throws: StoreError.self) {
            try await store.remove(version.digest, unless: { $0 == version.key })
        }
        #expect(error?.code == .inUse)
        #expect(try store.fileSystem.committedFiles(version) == version.files)
    }

    @Test @LoopActor func whatIsRemovedIsGoneAndCanBeFetchedAgain() async throws {
        let folder = try TemporaryFolder()
        let version = try small("one", 1)
        let other = try small("two", 2)
        let store = try await Store.open(folder.path, node: testNode)
        try await store.take(version)
        try await store.take(other)
        try await store.setCurrent(version.model, version.key)
        try await store.setCurrent(version.model, other.key)
        try await store.remove(version.digest)
        #expect(store.committed.map(\.key) == [other.key])
        #expect(store.previous(version.model) == nil)
        #expect(throws: StoreError.self) { try store.readChunk(version.digest, 0, offset: 0, byteCount: 1) }
        let names = try store.fileSystem.list(StorePaths.versions(version.model)).map(\.name)
        #expect(names == [other.digest.hex])
        #expect(try store.fileSystem.list(StorePaths.staging).isEmpty)
        try await store.take(version)
        #expect(store.committed.count == 2)
    }

    @Test @LoopActor func aFetchThatIsRemovedTakesNoMoreChunks() async throws {
        let version = try small("one", 1)
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.begin(version)
        #expect(await store.write(version, 0) == .verified)
        try await store.remove(version.digest)
        #expect(await store.write(version, 1) == .notWanted)
        #expect(store.available(version.digest) == nil)
        #expect(try store.fileSystem.list(StorePaths.staging).isEmpty)
    }

    @Test @LoopActor func whatIsNotThereCannotBeRemoved() async throws {
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        let error = await #expect(throws: StoreError.self) { try await store.remove(small("one", 1).digest) }
        #expect(error?.code == .notFound)
    }

    @Test(arguments: 0...6 as ClosedRange<UInt64>) @LoopActor
    func aPowerCutAtAnyCallOfARemovalLeavesAllOrNothing(seed: UInt64) async throws {
        let version = try small("one", 1)
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            do {
                let store = try await Store.open(faulty, node: testNode)
                try await store.take(version)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                try? await store.remove(version.digest)
                failures = faulty.failureCount
            }
            memory.cutPower(seed == 0 ? .losesAll : .keepsSome(seed: seed &* 1_000 &+ UInt64(nth)))
            let store = try await Store.open(memory, node: testNode)
            if let left = store.committed.first {
                #expect(!left.isDamaged, "call \(nth)")
                #expect(try memory.committedFiles(version) == version.files, "call \(nth)")
            } else {
                #expect(try memory.committedFiles(version).isEmpty, "call \(nth)")
            }
            if failures == 0 { #expect(store.committed.isEmpty) }
        }
        #expect(nth > 5)
    }
}
