import EventLoop
import Files
import Testing
import Units

@testable import Store

@Suite struct ReuseTests {
    @Test @LoopActor func whatAnotherVersionHasIsNotFetched() async throws {
        let files = MemoryFileSystem()
        let old = try awkwardVersion(tag: "one", seed: 1)
        // The shared chunk is at another place in the table, and occurs more often, in the new version.
        var changed = old.files
        changed["0"] = [42]
        changed["copy"] = old.files["long"]
        changed["long"] = noise(chunk, seed: 77) + Array((old.files["long"] ?? []).dropFirst(chunk))
        let new = try TestVersion(changed, tag: "two")
        let store = try await Store.open(files, node: testNode)
        try await store.take(old)
        let start = try await store.begin(new)
        #expect(start.verified.missing.map { new.chunks[$0.int] } == [[42], noise(chunk, seed: 77)])
        #expect(start.received.local.int == new.chunks.reduce(0) { $0 + $1.count } - 1 - chunk)
        #expect(start.received.neighbour == 0)
        try await store.takeRest(new, start)
        #expect(try files.committedFiles(new) == new.files)
    }

    @Test @LoopActor func aDamagedChunkOfAnotherVersionIsFetched() async throws {
        let files = MemoryFileSystem()
        let old = try awkwardVersion(tag: "one", seed: 1)
        let new = try awkwardVersion(tag: "two", seed: 1)
        let store = try await Store.open(files, node: testNode)
        try await store.take(old)
        // Nobody has noticed it yet.
        try files.spoilByte(of: StorePaths.committed(old.model, old.key).appending("deep/er/exact"), at: 3)
        let start = try await store.begin(new)
        #expect(start.verified.missing.map { new.chunks[$0.int] } == [old.files["deep/er/exact"]])
    }

    @Test @LoopActor func whatWasReusedIsStillThereAfterARestart() async throws {
        let files = MemoryFileSystem()
        let old = try awkwardVersion(tag: "one", seed: 1)
        let new = try awkwardVersion(tag: "two", seed: 1)
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.take(old)
            try await store.begin(new)
        }
        let store = try await Store.open(files, node: testNode)
        let start = try await store.begin(new)
        #expect(start.verified.isFull)
        #expect(start.received.local.int == new.chunks.reduce(0) { $0 + $1.count })
    }
}
