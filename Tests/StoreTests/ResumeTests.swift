import EventLoop
import Files
import Testing
import Units

@testable import Store

@Suite struct ResumeTests {
    /// Writes some chunks and lets go of the store, as a crash does: nothing is closed or synchronized.
    @LoopActor private func fetch(_ count: Int, of version: TestVersion, in files: any StoreFileSystem) async throws {
        let store = try await Store.open(files, node: testNode)
        try await store.begin(version)
        for index in version.indices.prefix(count) { #expect(await store.write(version, index) == .verified) }
    }

    @Test(arguments: [0, 1, 3, 8]) @LoopActor func aRestartFindsWhatWasWritten(count: Int) async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(count, of: version, in: files)
        let store = try await Store.open(files, node: testNode)
        #expect(store.interrupted == [version.key])
        let start = try await store.begin(version)
        #expect(start.verified.indices == Array(version.indices.prefix(count)))
        #expect(start.received.neighbour.int == version.chunks.prefix(count).reduce(0) { $0 + $1.count })
        #expect(store.interrupted.isEmpty)
    }

    @Test @LoopActor func aStoppedFetchGoesOnToTheEnd() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(4, of: version, in: files)
        let store = try await Store.open(files, node: testNode)
        let done = try await store.take(version)
        #expect(try files.committedFiles(version) == version.files)
        #expect(done.received.neighbour.int == version.chunks.reduce(0) { $0 + $1.count })
    }

    @Test @LoopActor func whatTheJournalClaimsAndTheDiskDoesNotHaveIsFetchedAgain() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(version.chunks.count, of: version, in: files)
        // A chunk that occurs three times is spoilt at its last place only.
        let path = try StorePaths.assembly(version.key).appending("b/again")
        try files.spoilByte(of: path, at: 17)
        let store = try await Store.open(files, node: testNode)
        let start = try await store.begin(version)
        #expect(start.verified.missing == [0])
        try await store.takeRest(version, start)
        #expect(try files.committedFiles(version) == version.files)
    }

    @Test @LoopActor func aTornJournalLosesOnlyItsTail() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(5, of: version, in: files)
        let journal = try files.open(StorePaths.journal(version.key), for: .writing)
        try journal.write([0xFF, 0xFF, 0xFF], at: ByteOffset(4 * JournalRecord.byteCount + 6))
        let store = try await Store.open(files, node: testNode)
        let start = try await store.begin(version)
        #expect(start.verified.indices == Array(version.indices.prefix(4)))
        #expect(await store.write(version, 4) == .verified)
        await store.close()
        let again = try await Store.open(files, node: testNode)
        #expect(try await again.begin(version).verified.indices == Array(version.indices.prefix(5)))
    }

    @Test @LoopActor func aFileOfTheWrongSizeIsMadeAnew() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(version.chunks.count, of: version, in: files)
        let path = try StorePaths.assembly(version.key).appending("one")
        try files.open(path, for: .writing).truncate(to: 0)
        let store = try await Store.open(files, node: testNode)
        let start = try await store.begin(version)
        #expect(start.verified.missing == [version.indices.last])
    }

    @Test @LoopActor func wastedPayloadSurvivesARestart() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.begin(version)
            _ = await store.write(version, 0, [1, 2, 3])
            _ = await store.write(version, 0)
        }
        let store = try await Store.open(files, node: testNode)
        #expect(try await store.begin(version).received.wasted == 3)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) @LoopActor
    func aPowerCutDuringTheFetchNeverLeavesAFalseChunk(seed: UInt64) async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        try await fetch(6, of: version, in: files)
        files.cutPower(.keepsSome(seed: seed))
        let store = try await Store.open(files, node: testNode)
        let start = try await store.begin(version)
        for index in start.verified.indices {
            let bytes = try store.readChunk(
                version.digest, index, offset: 0, byteCount: version.chunks[index.int].count)
            #expect(bytes == version.chunks[index.int])
        }
        try await store.takeRest(version, start)
        #expect(try files.committedFiles(version) == version.files)
    }
}

extension Store {
    /// Fetches what is missing and commits.
    func takeRest(_ version: TestVersion, _ start: FetchStart) async throws {
        for index in version.indices where !start.verified.contains(index) {
            #expect(await write(version, index) == .verified)
        }
        try await commit(version.key)
    }
}
