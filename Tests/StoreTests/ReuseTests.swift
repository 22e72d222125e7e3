import EventLoop
import Files
import Glibc
import Manifest
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

    @Test @LoopActor func anIdenticalFileIsTakenWholeHoweverItWasCut() async throws {
        let files = MemoryFileSystem()
        let bytes = noise(10 * chunk + 5, seed: 3)
        let old = try TestVersion(["a/x": bytes], model: "one/model")
        let new = try TestVersion(["y": bytes, "z": [1]], model: "another/model", chunkByteCount: 700)
        let store = try await Store.open(files, node: testNode)
        try await store.take(old)
        let start = try await store.begin(new)
        #expect(start.verified.missing.map { new.chunks[$0.int] } == [[1]])
        try await store.takeRest(new, start)
        #expect(try files.committedFiles(new) == new.files)
    }

    /// A twin's chunk that occurs in another file too is there only once that file has it as well.
    @Test @LoopActor func aChunkOfATwinIsMissingWhereOnlyAnotherFileHasIt() async throws {
        let files = MemoryFileSystem()
        let shared = noise(700, seed: 5)
        let bytes = shared + noise(5_000, seed: 6)
        let old = try TestVersion(["a": bytes], model: "one/model")
        let new = try TestVersion(
            ["a": bytes, "b": shared + noise(100, seed: 7)], model: "another/model", chunkByteCount: 700)
        let store = try await Store.open(files, node: testNode)
        try await store.take(old)
        let start = try await store.begin(new)
        #expect(!start.verified.contains(0))
        #expect(start.verified.missing.map { new.chunks[$0.int] } == [shared, noise(100, seed: 7)])
        try await store.takeRest(new, start)
        #expect(try files.committedFiles(new) == new.files)
    }

    @Test @LoopActor func bytesInAFolderOfTheUsersAreTaken() async throws {
        let folder = try TemporaryFolder()
        let shared = noise(200_000, seed: 4)
        try folder.write("sub/same", shared)
        let source = try TemporaryFolder()
        try source.write("inside", noise(1_000, seed: 5) + shared)
        try source.write("new", noise(5_000, seed: 6))
        let state = try TemporaryFolder()
        let staged = try await Publisher.begin(stateFolder: state.path).stage([PublishPlan.scan(source.path)])
        let manifest = try manifest(of: staged)
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        let start = try await store.beginFetch(
            manifest, staged.layout, variant: .default, reusing: [folder.path, "/does/not/exist"])
        let reused = staged.layout.byteCount(of: start.verified).value
        #expect(reused > 100_000 && reused < 200_000)
        #expect(start.received.local.value == reused)
    }

    @Test(arguments: [EIO, ENOSPC]) @LoopActor
    func eachFailingCallOfAReuseLeavesAFetchThatCanBeginAgain(errno: Int32) async throws {
        let old = try TestVersion(["a": noise(3 * chunk, seed: 1), "b": noise(10, seed: 2)], tag: "one")
        let new = try TestVersion(
            ["a": noise(3 * chunk, seed: 1), "c": noise(chunk, seed: 3), "d/e": noise(10, seed: 2)], tag: "two")
        var (nth, failures) = (0, 1)
        while failures > 0 {
            nth += 1
            let faulty = FaultyFileSystem(MemoryFileSystem())
            let store = try await Store.open(faulty, node: testNode)
            try await store.take(old)
            faulty.fail(nth: nth, errno: errno, .once)
            let begun = await Result.of { try await store.begin(new) }
            failures = faulty.failureCount
            faulty.heal()
            let start = if case .success(let start) = begun { start } else { try await store.begin(new) }
            try await store.takeRest(new, start)
            #expect(try faulty.committedFiles(new) == new.files, "call \(nth)")
            #expect(try faulty.committedFiles(old) == old.files, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>) @LoopActor
    func aPowerCutAtAnyCallOfAReuseLosesNothing(seed: UInt64) async throws {
        let old = try TestVersion(["a": noise(3 * chunk, seed: 1)], tag: "one")
        let new = try TestVersion(["a": noise(3 * chunk, seed: 1), "c": noise(chunk, seed: 3)], tag: "two")
        var (nth, failures) = (0, 1)
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            do {
                let store = try await Store.open(faulty, node: testNode)
                try await store.take(old)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                _ = try? await store.begin(new)
                failures = faulty.failureCount
            }
            memory.cutPower(seed == 1 ? .losesAll : .keepsSome(seed: seed &* 1_000 &+ UInt64(nth)))
            let store = try await Store.open(memory, node: testNode)
            try await store.attach(old)
            let start = try await store.begin(new)
            try await store.takeRest(new, start)
            #expect(try memory.committedFiles(new) == new.files, "call \(nth)")
            #expect(try memory.committedFiles(old) == old.files, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test @LoopActor func aRemovalMeanwhileEndsIt() async throws {
        let files = MemoryFileSystem()
        let (old, new) = (try awkwardVersion(tag: "one"), try awkwardVersion(tag: "two"))
        let store = try await Store.open(files, node: testNode)
        try await store.take(old)
        let begun = Task { try await store.begin(new) }
        while store.interrupted.isEmpty { await Task.yield() }
        try await store.remove(new.digest)
        await #expect(throws: StoreError.self) { try await begun.value }
        #expect(try files.committedFiles(old) == old.files)
    }
}

@Suite struct ReusePlanTests {
    private func map(_ version: TestVersion) throws -> ChunkMap {
        try ChunkMap(key: version.key, manifest: version.manifest.value, layout: version.layout)
    }

    private func plan(_ new: TestVersion, from old: TestVersion) throws -> ReusePlan {
        let (map, from) = (try map(new), try map(old))
        let variant = ReuseVariant(map: from, folder: "old", available: from.needed)
        let wanted = WantedChunks(map.needed, of: map.layout)
        return ReusePlan(
            map.needed, of: map, sources: variant.files(wanted, digests: Set(map.files.map(\.digest))))
    }

    @Test func chunksThatFollowEachOtherAreOneRun() throws {
        let (a, b) = (noise(4 * chunk, seed: 1), noise(3 * chunk, seed: 2))
        let old = try TestVersion(["x": a + b])
        let new = try TestVersion(["x": noise(chunk, seed: 9) + a + noise(chunk, seed: 8) + b], tag: "two")
        let runs = try plan(new, from: old).runs
        #expect(runs.map(\.sourceOffset) == [0, Int64(4 * chunk)])
        #expect(runs.map(\.offset) == [Int64(chunk), Int64(6 * chunk)])
        #expect(runs.map(\.byteCount) == [Int64(4 * chunk), Int64(3 * chunk)])
        #expect(runs.map(\.endsBoth) == [false, true])
    }

    @Test func aRepeatedChunkIsTakenFromWhereTheRunGoesOn() throws {
        let same = noise(chunk, seed: 1)
        let bytes = same + noise(chunk, seed: 2) + same + noise(chunk, seed: 3)
        let old = try TestVersion(["x": bytes])
        let new = try TestVersion(["x": bytes + [1]], tag: "two")
        let plan = try plan(new, from: old)
        #expect(plan.runs.map(\.byteCount) == [Int64(4 * chunk)])
        #expect(plan.runs[0].chunks.count == 4)
    }

    @Test func onlyWholeBlocksOfBothFilesAreShared() {
        func shareable(source: Int64, target: Int64, byteCount: Int, endsBoth: Bool = false) -> Range<Int64> {
            var run = ReuseRun(source: 0, sourceOffset: source, file: 0, offset: target)
            run.append(0, byteCount: byteCount)
            run.endsBoth = endsBoth
            return run.shareable
        }
        #expect(shareable(source: 0, target: 8_192, byteCount: 8_192) == 0..<8_192)
        #expect(shareable(source: 100, target: 4_196, byteCount: 20_000) == 3_996..<16_284)
        #expect(shareable(source: 0, target: 1, byteCount: 1 << 20).isEmpty)
        #expect(shareable(source: 4_095, target: 4_095, byteCount: 4_096).isEmpty)
        #expect(shareable(source: 0, target: 4_096, byteCount: 5_000, endsBoth: true) == 0..<5_000)
        #expect(shareable(source: 0, target: 4_096, byteCount: 100, endsBoth: true) == 0..<100)
        #expect(shareable(source: 0, target: 4_096, byteCount: 100).isEmpty)
    }
}
