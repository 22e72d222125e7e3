import Files
import Glibc
import Testing
import Units

/// What a power cut and failing calls leave.
@Suite struct DurabilityTests {
    // MARK: Power cuts

    @Test func bytesThatWereNotSynchronizedAreLost() throws {
        let files = MemoryFileSystem()
        let file = try files.create("a", reserving: 0, mode: 0o600)
        try file.write([1], at: 0)
        try file.synchronize()
        try files.synchronizeDirectory(.root)
        try file.write([2, 2], at: 0)
        files.cutPower()
        #expect(try files.get("a") == [1])
        #expect(code { try file.write([3], at: 0) } == .io)
    }

    @Test func aNameThatWasNotSynchronizedIsLostWithItsBytes() throws {
        let files = MemoryFileSystem()
        let file = try files.create("a", reserving: 0, mode: 0o600)
        try file.write([1], at: 0)
        try file.synchronize()
        files.cutPower()
        #expect(try files.names().isEmpty)
        #expect(try files.freeByteCount() == ByteCount(1 << 40))
    }

    @Test func aRenameThatWasNotSynchronizedIsUndone() throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("a", [1], mode: 0o600)
        try files.rename("a", to: "b", target: .mayExist)
        files.cutPower()
        #expect(try files.names() == ["a"])
        try files.rename("a", to: "b", target: .mayExist)
        try files.synchronizeDirectory(.root)
        files.cutPower()
        #expect(try files.names() == ["b"])
    }

    @Test func aMoveBetweenFoldersIsDurableOnceTheTargetIs() throws {
        let files = MemoryFileSystem()
        try files.makeDurableDirectory("staging/x", mode: 0o755)
        try files.makeDurableDirectory("versions", mode: 0o755)
        try files.writeAtomically("staging/x/file", [1], mode: 0o444)
        try files.rename("staging/x", to: "versions/x", target: .mustNotExist)
        try files.synchronizeDirectory("versions")
        files.cutPower()
        #expect(try files.get("versions/x/file") == [1])
        #expect(try files.names("staging").isEmpty)
    }

    @Test func aRemovalThatWasNotSynchronizedIsUndone() throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("a", [1], mode: 0o600)
        try files.remove("a")
        files.cutPower()
        #expect(try files.get("a") == [1])
    }

    @Test func aFolderWhoseParentWasNotSynchronizedIsLost() throws {
        let files = MemoryFileSystem()
        try files.makeDirectory("a/b", mode: 0o755)
        try files.synchronizeDirectory("a")
        files.cutPower()
        #expect(try files.names().isEmpty)
        try files.makeDurableDirectory("a/b", mode: 0o755)
        files.cutPower()
        #expect(try files.status("a/b").kind == .directory)
    }

    @Test func aTreeIsDurableAfterItsSynchronization() throws {
        let files = MemoryFileSystem()
        try files.makeDirectory("a/b", mode: 0o755)
        try files.put("a/b/file", [1, 2])
        try files.put("a/other", [3])
        try files.synchronizeTree("a")
        try files.synchronizeDirectory(.root)
        files.cutPower()
        #expect(try files.get("a/b/file") == [1, 2])
        #expect(try files.get("a/other") == [3])
    }

    @Test func locksEndWithThePower() throws {
        let files = MemoryFileSystem()
        let before = try files.lock(.root)
        files.cutPower()
        let after = try files.lock(.root)
        withExtendedLifetime(before) {}
        #expect(code { _ = try files.lock(.root) } == .busy)
        withExtendedLifetime(after) {}
    }

    @Test func theSameSeedTearsAlikeAndSomeSeedTears() throws {
        var outcomes: Set<[UInt8]> = []
        for seed in 0..<40 as Range<UInt64> {
            let results = try (0..<2).map { _ in try tornFile(seed: seed) }
            #expect(results[0] == results[1])
            outcomes.insert(results[0])
        }
        #expect(outcomes.contains { Set($0).count > 1 }, "some file is partly old and partly new")
    }

    private func tornFile(seed: UInt64) throws -> [UInt8] {
        let files = MemoryFileSystem()
        try files.writeAtomically("a", [UInt8](repeating: 1, count: 4_096), mode: 0o600)
        try files.open("a", for: .writing).write([UInt8](repeating: 2, count: 8_192), at: 0)
        files.cutPower(.keepsSome(seed: seed))
        return try files.get("a")
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func anAtomicWriteIsOldOrNewHoweverThePowerGoes(seed: UInt64) throws {
        let old = [UInt8](repeating: 1, count: 3_000)
        let new = [UInt8](repeating: 2, count: 5_000)
        for nth in 1...6 {
            let memory = MemoryFileSystem()
            try memory.writeAtomically("a", old, mode: 0o600)
            let faulty = FaultyFileSystem(memory)
            faulty.fail(nth: nth, errno: EIO, .forEver)
            let done = code { try faulty.writeAtomically("a", new, mode: 0o600) } == nil
            memory.cutPower(.keepsSome(seed: seed))
            let found = try memory.get("a")
            #expect(done ? found == new : found == old || found == new)
        }
    }

    // MARK: Failing calls

    @Test(arguments: [ENOSPC, EIO])
    func anAtomicWriteWhoseNthCallFailsLeavesTheOldOrTheNewAndNoTemporary(errno: Int32) throws {
        let disk = MemoryFileSystem()
        let faulty = FaultyFileSystem(disk)
        var failures = 0
        for nth in 1... {
            try disk.writeAtomically("a", [1], mode: 0o600)
            faulty.fail(nth: nth, errno: errno, .once)
            let result = code { try faulty.writeAtomically("a", [2, 2], mode: 0o600) }
            #expect(try disk.names() == ["a"])
            let found = try disk.get("a")
            guard faulty.failureCount > 0 else {
                #expect(result == nil && found == [2, 2])
                break
            }
            failures += 1
            #expect(result == (errno == ENOSPC ? .full : .io))
            #expect(found == [1] || found == [2, 2])
        }
        #expect(failures == 5, "create, write, synchronize, rename, synchronize the folder")
    }

    @Test func aLinkIsReplacedInTheOrderThatMakesItDurable() throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        faulty.heal()
        try faulty.replaceLink("current", target: "x")
        #expect(faulty.calls.map(\.operation) == [.makeLink, .rename, .synchronizeDirectory])
        #expect(faulty.calls[1].path == "current")
    }

    @Test func aFaultHitsItsOperationOnceOrForEver() throws {
        let faulty = FaultyFileSystem(MemoryFileSystem())
        let file = try faulty.create("a", reserving: 0, mode: 0o600)
        faulty.fail(.write, nth: 2, errno: ENOSPC, .once)
        try file.write([1, 1], at: 0)
        try file.synchronize()
        #expect(code { try file.write([2, 2], at: 0) } == .full)
        #expect(try faulty.get("a") == [2, 1], "a write that fails may have written a part")
        try file.write([3, 3], at: 0)
        #expect(faulty.failureCount == 1)
        faulty.fail(.synchronize, nth: 1, errno: EIO, .forEver)
        for _ in 0..<3 { #expect(code { try file.synchronize() } == .io) }
        try file.write([4], at: 0)
        #expect(faulty.failureCount == 3)
        faulty.heal()
        try file.synchronize()
    }

    // MARK: Memory only

    @Test func aFullDiskRefusesAndGivesBackWhatIsRemoved() throws {
        let files = MemoryFileSystem(capacity: 10)
        let file = try files.create("a", reserving: 6, mode: 0o600)
        #expect(code { _ = try files.create("b", reserving: 5, mode: 0o600) } == .full)
        #expect(try files.names() == ["a"])
        try file.write([1, 2, 3], at: 7)
        #expect(try files.freeByteCount() == 0)
        let error = #expect(throws: FileError.self) { try file.write([1], at: 10) }
        #expect(error?.isFull == true)
        try files.remove("a")
        #expect(try files.freeByteCount() == 10)
        try file.truncate(to: 0)
        #expect(try files.freeByteCount() == 10)
    }

    @Test func aSpoiltByteShowsInTheBytesOnly() throws {
        let files = MemoryFileSystem()
        try files.writeAtomically("a", [1, 2, 3], mode: 0o600)
        let before = try files.status("a")
        try files.spoilByte(of: "a", at: 1)
        #expect(try files.get("a") == [1, 2 ^ 0x40, 3])
        #expect(try files.status("a") == before)
        files.cutPower()
        #expect(try files.get("a") == [1, 2 ^ 0x40, 3])
        #expect(code { try files.spoilByte(of: "a", at: 3) } == .truncated)
    }
}
