import EventLoop
import Files
import Glibc
import Manifest
import Testing
import Units

@testable import Store

/// Damage in a complete version: mended, or as it was, whatever fails and whenever the power goes.
@Suite struct RepairTests {
    private func small() throws -> TestVersion {
        try TestVersion(["a": noise(3 * chunk, seed: 1), "b/c": noise(10, seed: 2), "d": noise(chunk, seed: 3)])
    }

    /// A complete version with one wrong byte in `a`, found by a check.
    @LoopActor private func damaged(_ version: TestVersion, in files: any StoreFileSystem, _ memory: MemoryFileSystem)
        async throws -> Store
    {
        let store = try await Store.open(files, node: testNode)
        try await store.take(version)
        try memory.spoilByte(
            of: StorePaths.committed(version.model, version.key).appending("a"), at: ByteOffset(chunk + 5))
        #expect(try await store.verify(version.key).damaged.count == 1)
        return store
    }

    @LoopActor private func mend(_ version: TestVersion, in store: Store) async throws {
        guard let start = try await store.beginRepair(version.key) else { return }
        for index in version.indices where start.needed.contains(index) && !start.verified.contains(index) {
            // One that could not be written is missing at the end, which refuses.
            _ = await store.write(version, index)
        }
        try await store.finishRepair(version.key)
    }

    @Test @LoopActor func onlyTheDamagedChunkIsMissingAndTheFileTakesTheOldOnesPlace() async throws {
        let memory = MemoryFileSystem()
        let version = try small()
        let store = try await damaged(version, in: memory, memory)
        let start = try #require(try await store.beginRepair(version.key))
        #expect(start.needed.indices.map { version.chunks[$0.int].count } == [chunk, chunk, chunk])
        #expect(start.needed.indices.filter { !start.verified.contains($0) } == [1])
        #expect(await store.write(version, 1, noise(chunk, seed: 50)) == .wrongHash)
        #expect(await store.write(version, 1) == .verified)
        // What is mended can be read before its file has its place.
        let bytes = try store.readChunk(version.digest, 1, offset: 0, byteCount: chunk)
        #expect(bytes == version.chunks[1])
        try await store.finishRepair(version.key)
        #expect(try memory.committedFiles(version) == version.files)
        #expect(store.committed(version.key)?.isDamaged == false)
        #expect(store.available(version.digest)?.isFull == true)
        #expect(try await store.verify(version.key).isIntact)
        #expect(try memory.list(StorePaths.staging).isEmpty)
    }

    @Test @LoopActor func damageThatIsFoundMeanwhileStaysKnown() async throws {
        let memory = MemoryFileSystem()
        let version = try small()
        let store = try await damaged(version, in: memory, memory)
        _ = try await store.beginRepair(version.key)
        try memory.spoilByte(of: StorePaths.committed(version.model, version.key).appending("d"), at: 7)
        let other = try #require(version.chunks.firstIndex { $0 == version.files["d"] })
        #expect(try await !store.recheck(version.digest, ChunkIndex(UInt32(other))))
        #expect(await store.write(version, 1) == .verified)
        try await store.finishRepair(version.key)
        #expect(store.committed(version.key)?.damaged == [ChunkIndex(UInt32(other))])
        #expect(store.available(version.digest)?.contains(ChunkIndex(UInt32(other))) == false)
    }

    @Test(arguments: ["a", "d"]) @LoopActor func onlyDamageThatWasNotKnownIsBeyondTheRepair(place: String) async throws
    {
        let memory = MemoryFileSystem()
        let version = try small()
        let store = try await damaged(version, in: memory, memory)
        _ = try await store.beginRepair(version.key)
        _ = try await store.verify(version.key)
        #expect(!store.hasDamageBeyondRepair(version.key))
        // In the same file, where the repair took it over as a good one, or in another.
        let path = try StorePaths.committed(version.model, version.key).appending(place)
        try memory.spoilByte(of: path, at: place == "a" ? ByteOffset(2 * chunk) : 7)
        _ = try await store.verify(version.key)
        #expect(store.hasDamageBeyondRepair(version.key))
    }

    @Test @LoopActor func aRemovalDuringARepairLeavesNothing() async throws {
        let memory = MemoryFileSystem()
        let version = try small()
        let store = try await damaged(version, in: memory, memory)
        _ = try await store.beginRepair(version.key)
        try await store.remove(version.digest)
        await #expect(throws: StoreError.self) { try await store.finishRepair(version.key) }
        #expect(try memory.list(StorePaths.staging).isEmpty)
        #expect(store.committed.isEmpty)
    }

    @Test(arguments: [EIO, ENOSPC]) @LoopActor
    func eachFailingCallOfARepairLeavesOneThatCanBeginAgain(errno: Int32) async throws {
        let version = try small()
        var (nth, failures) = (0, 1)
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            let store = try await damaged(version, in: faulty, memory)
            faulty.fail(nth: nth, errno: errno, .once)
            try? await mend(version, in: store)
            failures = faulty.failureCount
            faulty.heal()
            await store.abandonRepair(version.key)
            // Trash that could not be deleted goes when the store is opened next.
            let left = try memory.list(StorePaths.staging).filter { !$0.name.hasPrefix(StorePaths.trashPrefix) }
            #expect(left.isEmpty, "call \(nth)")
            _ = try await store.verify(version.key)
            try await mend(version, in: store)
            #expect(try faulty.committedFiles(version) == version.files, "call \(nth)")
            #expect(try await store.verify(version.key).isIntact, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>) @LoopActor
    func aPowerCutAtAnyCallOfARepairLeavesTheOldFileOrTheNewOne(seed: UInt64) async throws {
        let version = try small()
        var (nth, failures) = (0, 1)
        while failures > 0 {
            nth += 1
            let memory = MemoryFileSystem()
            let faulty = FaultyFileSystem(memory)
            do {
                let store = try await damaged(version, in: faulty, memory)
                faulty.fail(nth: nth, errno: EIO, .forEver)
                try? await mend(version, in: store)
                failures = faulty.failureCount
            }
            memory.cutPower(seed == 1 ? .losesAll : .keepsSome(seed: seed &* 1_000 &+ UInt64(nth)))
            let store = try await Store.open(memory, node: testNode)
            #expect(store.committed.map(\.key) == [version.key], "call \(nth)")
            try await store.attach(version)
            let report = try await store.verify(version.key)
            #expect(report.damaged == [1] || report.isIntact, "call \(nth)")
            try await mend(version, in: store)
            #expect(try memory.committedFiles(version) == version.files, "call \(nth)")
        }
        #expect(nth > 15)
    }

    @Test @LoopActor func aCheckThatIsCancelledSaysNothing() async throws {
        let version = try small()
        let memory = MemoryFileSystem()
        let store = try await damaged(version, in: memory, memory)
        let check = Task { try await store.verify(version.key) }
        check.cancel()
        await #expect(throws: StoreError.self) { try await check.value }
        #expect(store.committed(version.key)?.damaged == [1])
    }

    @Test @LoopActor func aDiskThatTakesNoWritesDoesNotKeepAnIntactVersionFromBeingFoundSo() async throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let version = try small()
        let store = try await Store.open(faulty, node: testNode)
        try await store.take(version)
        for operation in [FileOperation.create, .write, .rename] {
            faulty.fail(operation, nth: 1, errno: EROFS, .forEver)
            #expect(try await store.verify(version.key, .files).isIntact)
        }
    }
}
