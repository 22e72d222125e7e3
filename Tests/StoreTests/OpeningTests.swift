import EventLoop
import Files
import Glibc
import Manifest
import Testing
import Units

@testable import Store

@Suite struct OpeningTests {
    @Test @LoopActor func aSecondAgentOnTheSameStateIsRefusedByName() async throws {
        let folder = try TemporaryFolder()
        let store = try await Store.open(folder.path, node: testNode)
        let error = await #expect(throws: StoreError.self) { try await Store.open(folder.path, node: testNode) }
        #expect(error?.code == .busy)
        #expect(error?.detail.contains("process \(getpid())") == true)
        #expect(error?.subject == store.folder)
        await store.close()
        let next = try await Store.open(folder.path, node: testNode)
        #expect(next.storeID == store.storeID)
    }

    @Test @LoopActor func aNewerFormatIsRefused() async throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("store.json", Array(#"{"format": 2, "hash": "sha3"}"#.utf8), mode: 0o600)
        let error = await #expect(throws: StoreError.self) { try await Store.open(files, node: testNode) }
        #expect(error?.code == .foreign)
        #expect(error?.detail.contains("upgrade this agent") == true)
    }

    @Test @LoopActor func anotherNodesStateIsRefused() async throws {
        let files = MemoryFileSystem()
        await (try Store.open(files, node: testNode)).close()
        let other = NodeID(exactly: [UInt8](repeating: 8, count: 16))
        let error = await #expect(throws: StoreError.self) { try await Store.open(files, node: other) }
        #expect(error?.code == .foreign)
        #expect(error?.detail.contains(testNode.hex) == true)
    }

    @Test(arguments: ["no json", "{}", "[1]", #"{"format": 1}"#]) @LoopActor
    func aBrokenStoreFileIsRefusedAndKept(text: String) async throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("store.json", Array(text.utf8), mode: 0o600)
        let error = await #expect(throws: StoreError.self) { try await Store.open(files, node: testNode) }
        #expect(error?.code == .foreign)
        #expect(try files.bytes("store.json") == Array(text.utf8))
    }

    @Test(arguments: [0, 90]) @LoopActor
    func aStoreFileWhoseFirstWriteWasLostIsWrittenAgain(zeros: Int) async throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("store.json", [UInt8](repeating: 0, count: zeros), mode: 0o600)
        let store = try await Store.open(files, node: testNode)
        await store.close()
        #expect(try await Store.open(files, node: testNode).storeID == store.storeID)
    }

    @Test @LoopActor func whatACrashLeftIsClearedAwayByRule() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.take(version)
        }
        let digest = StorePaths.version(version.model, version.digest)
        for path in ["staging/publish-abc/default/x", "staging/trash-1/y"] {
            let path = try StorePath(parsing: path)
            try files.makeDirectory(#require(path.parent), mode: 0o700)
            _ = try files.create(path, reserving: 3, mode: 0o400)
        }
        let alive = StorePath("staging/publish-live")
        try files.makeDirectory(alive, mode: 0o700)
        let lock = try files.lock(alive)
        try files.makeDirectory(digest.appending("norecord"), mode: 0o700)
        _ = try files.create(digest.appending(".record-nofolder"), reserving: 1, mode: 0o600)
        let orphan = StorePaths.journal(VariantKey(version: version.digest, variant: .default))
        try files.makeDirectory(#require(orphan.parent), mode: 0o700)
        _ = try files.create(orphan, reserving: 16, mode: 0o600)

        let store = try await Store.open(files, node: testNode)
        #expect(store.committed.map(\.key) == [version.key])
        #expect(store.interrupted.isEmpty)
        #expect(try files.list(StorePaths.staging).map(\.name) == ["publish-live"])
        #expect(try files.list(digest).map(\.name) == [".record-default", "default"])
        withExtendedLifetime(lock) {}
    }

    @Test @LoopActor func aFileChangedWhileTheAgentSleptIsSuspectAndItsChunksAreNotOffered() async throws {
        let folder = try TemporaryFolder()
        let version = try awkwardVersion()
        do {
            let store = try await Store.open(folder.path, node: testNode)
            try await store.take(version)
            await store.close()
        }
        let files = try RealFileSystem(folder: folder.path)
        let path = try StorePaths.committed(version.model, version.key).appending("deep/er/exact")
        try files.setMode(path, 0o600)
        try files.open(path, for: .writing).write([1, 2, 3], at: 9)
        let store = try await Store.open(folder.path, node: testNode)
        let found = try #require(store.committed.first)
        #expect(found.suspectFiles.map(\.text) == ["deep/er/exact"])
        #expect(found.isDamaged)
        #expect(try await store.attach(version).missing.count == 1)
        let report = try await store.verify(version.key)
        #expect(report.damagedFiles.map(\.text) == ["deep/er/exact"])
        #expect(report.damaged.count == 1)
    }

    @Test @LoopActor func aFileThatWasOnlyTouchedIsTrustedAgainAfterACheck() async throws {
        let files = MemoryFileSystem()
        let version = try awkwardVersion()
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.take(version)
        }
        let path = try StorePaths.committed(version.model, version.key).appending("one")
        try files.open(path, for: .writing).write(version.files["one"] ?? [], at: 0)
        let store = try await Store.open(files, node: testNode)
        #expect(store.committed.first?.isDamaged == true)
        try await store.attach(version)
        #expect(try await store.verify(version.key).isIntact)
        #expect(store.available(version.digest)?.isFull == true)
        await store.close()
        let again = try await Store.open(files, node: testNode)
        #expect(again.committed.first?.isDamaged == false)
    }

    @Test @LoopActor func modelsWithinModelsAreFound() async throws {
        let files = MemoryFileSystem()
        let outer = try TestVersion(["x": [1]], model: "a")
        let inner = try TestVersion(["x": [1, 2]], model: "a/b/c")
        do {
            let store = try await Store.open(files, node: testNode)
            try await store.take(outer)
            try await store.take(inner)
            try await store.setCurrent(inner.model, inner.key)
        }
        let store = try await Store.open(files, node: testNode)
        #expect(store.committed.map(\.model.text) == ["a", "a/b/c"])
        #expect(store.current(inner.model) == inner.key)
        #expect(store.current(outer.model) == nil)
    }
}
