import EventLoop
import Files
import Glibc
import Testing
import Units

@testable import Store

/// A version that is fetched whole: durable, or as if never begun, whatever fails and whenever the power goes.
@Suite struct CommitTests {
    /// Small, since memory is slow in a debug build and there are hundreds of runs.
    private func small() throws -> TestVersion {
        try TestVersion(["a": noise(700, seed: 1), "b/c/d": noise(10, seed: 2), "empty": []])
    }

    @LoopActor private func fetched(_ version: TestVersion, in files: any StoreFileSystem) async throws -> Store {
        let store = try await Store.open(files, node: testNode)
        try await store.begin(version)
        for index in version.indices { #expect(await store.write(version, index) == .verified) }
        return store
    }

    @Test @LoopActor func whatWasCommittedSurvivesAPowerCut() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.take(version)
            try await store.setCurrent(version.model, version.key)
        }
        files.cutPower()
        let store = try await Store.open(files, node: testNode)
        #expect(store.committed.map(\.key) == [version.key])
        #expect(store.committed.allSatisfy { !$0.isDamaged })
        #expect(store.current(version.model) == version.key)
        #expect(try files.committedFiles(version) == version.files)
        #expect(try await store.attach(version).isFull)
    }

    @Test(arguments: [EIO, ENOSPC]) @LoopActor
    func eachFailingCallOfACommitLeavesAVersionThatCanBeCommittedLater(errno: Int32) async throws {
        let version = try small()
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let faulty = FaultyFileSystem(MemoryFileSystem())
            let store = try await fetched(version, in: faulty)
            faulty.fail(nth: nth, errno: errno, .once)
            let failed = await Result.of { try await store.commit(version.key) }
            failures = faulty.failureCount
            faulty.heal()
            if case .failure = failed {
                if store.interrupted.isEmpty {
                    try await store.commit(version.key)
                } else {
                    try await store.take(version)
                }
            }
            #expect(try faulty.committedFiles(version) == version.files, "call \(nth)")
            #expect(store.committed.count == 1, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test @LoopActor func aFileWhoseSynchronizationFailedIsFetchedAgain() async throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let version = try small()
        let store = try await fetched(version, in: faulty)
        faulty.fail(.synchronize, nth: 1, errno: EIO, .once)
        let error = await #expect(throws: StoreError.self) { try await store.commit(version.key) }
        #expect(error?.code == .io)
        #expect(store.available(version.digest) == nil)
        let start = try await store.begin(version)
        #expect(start.verified.missing == [0])
    }

    @Test(arguments: 1...12 as ClosedRange<UInt64>) @LoopActor
    func aPowerCutAtAnyCallOfACommitLeavesAllOrAFetchThatGoesOn(seed: UInt64) async throws {
        let version = try small()
        var nth = 0
        var failures = 1
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            do {
                let store = try await fetched(version, in: faulty)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                _ = try? await store.commit(version.key)
                failures = faulty.failureCount
            }
            memory.cutPower(seed == 1 ? .losesAll : .keepsSome(seed: seed &* 1_000 &+ UInt64(nth)))
            let store = try await Store.open(memory, node: testNode)
            if store.committed.isEmpty { try await store.take(version) }
            let done = try #require(store.committed(version.key))
            #expect(!done.isDamaged, "call \(nth)")
            #expect(try memory.committedFiles(version) == version.files, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test @LoopActor func committingTwiceIsOnce() async throws {
        let version = try small()
        let store = try await fetched(version, in: MemoryFileSystem())
        let first = try await store.commit(version.key)
        #expect(try await store.commit(version.key) == first)
    }

    @Test @LoopActor func aFileThatTheManifestDoesNotNameIsNotInTheVersion() async throws {
        let files = MemoryFileSystem()
        let version = try small()
        let store = try await fetched(version, in: files)
        let folder = StorePaths.assembly(version.key)
        try files.writeAtomically(folder.appending("b/planted"), [1], mode: 0o600)
        try files.makeDirectory(folder.appending("x/y"), mode: 0o700)
        try await store.commit(version.key)
        #expect(try files.committedFiles(version) == version.files)
    }

    @Test @LoopActor func aCommittedVersionIsServedAsBefore() async throws {
        let version = try awkwardVersion()
        let store = try await Store.open(MemoryFileSystem(), node: testNode)
        try await store.take(version)
        for index in version.indices {
            let bytes = try store.readChunk(
                version.digest, index, offset: 0, byteCount: version.chunks[index.int].count)
            #expect(bytes == version.chunks[index.int])
        }
    }
}

extension Result where Failure == any Error {
    @LoopActor static func of(_ body: @LoopActor () async throws -> Success) async -> Result {
        do { return .success(try await body()) } catch { return .failure(error) }
    }
}
