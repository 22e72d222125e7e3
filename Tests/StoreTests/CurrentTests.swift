import EventLoop
import Files
import Glibc
import Testing
import Units

@testable import Store

@Suite struct CurrentTests {
    @LoopActor private func two(in files: any StoreFileSystem) async throws -> (Store, TestVersion, TestVersion) {
        let first = try TestVersion(["x": [1]], tag: "one")
        let second = try TestVersion(["x": [2]], tag: "two")
        let store = try await Store.open(files, node: testNode)
        try await store.take(first)
        try await store.take(second)
        return (store, first, second)
    }

    @Test @LoopActor func switchingMovesTheLinkAndKeepsTheOneBefore() async throws {
        let folder = try TemporaryFolder()
        let (store, first, second) = try await two(in: RealFileSystem(folder: folder.path))
        #expect(store.current(first.model) == nil)
        try await store.setCurrent(first.model, first.key)
        try await store.setCurrent(first.model, second.key)
        #expect(store.current(first.model) == second.key)
        #expect(store.previous(first.model) == first.key)
        let link = try store.fileSystem.readLink("models/test/model/current")
        #expect(link == "versions/\(second.digest)/default")
        let bytes = try OutsideFile(path: "\(store.folder)/models/test/model/current/x").read(byteCount: 1, at: 0)
        #expect(bytes == [2])
        await store.close()
        let again = try await Store.open(folder.path, node: testNode)
        #expect(again.current(first.model) == second.key)
        #expect(again.previous(first.model) == first.key)
    }

    @Test @LoopActor func aVersionThatIsNotCompleteCannotBecomeCurrent() async throws {
        let (store, first, _) = try await two(in: MemoryFileSystem())
        let other = try TestVersion(["x": [3]], tag: "three")
        try await store.begin(other)
        let error = await #expect(throws: StoreError.self) { try await store.setCurrent(first.model, other.key) }
        #expect(error?.code == .notFound)
    }

    @Test @LoopActor func eachFailingCallOfASwitchLeavesTheOldOrTheNew() async throws {
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            let old: VariantKey
            let new: VariantKey
            do {
                let (store, first, second) = try await two(in: faulty)
                (old, new) = (first.key, second.key)
                try await store.setCurrent(first.model, first.key)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                let result = await Result.of { try await store.setCurrent(first.model, second.key) }
                failures = faulty.failureCount
                if failures == 0 { try result.get() }
            }
            memory.cutPower()
            let store = try await Store.open(memory, node: testNode)
            let model = try #require(ModelName("test/model"))
            let now = try #require(store.current(model), "call \(nth)")
            #expect(now == new || (now == old && failures > 0), "call \(nth)")
        }
        #expect(nth > 5)
    }
}
