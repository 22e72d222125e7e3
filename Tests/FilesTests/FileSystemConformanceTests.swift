import Files
import Testing
import Units

/// What every file system must do, run against each.
@Suite struct FileSystemConformanceTests {
    @Test(arguments: Disk.Kind.allCases)
    func aNewFileIsZerosOfTheReservedLengthWithItsMode(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        let file = try disk.files.create("a", reserving: 5_000, mode: 0o640)
        let status = try file.status()
        #expect(status.kind == .file && status.byteCount == 5_000 && status.mode == 0o640)
        #expect(try disk.files.get("a") == [UInt8](repeating: 0, count: 5_000))
        #expect(file.path == "a")
        #expect(code { _ = try disk.files.create("a", reserving: 0, mode: 0o640) } == .exists)
        #expect(code { _ = try disk.files.create("b/c", reserving: 0, mode: 0o640) } == .notFound)
        #expect(code { _ = try disk.files.create("a/c", reserving: 0, mode: 0o640) } == .wrongKind)
        #expect(code { _ = try disk.files.create(.root, reserving: 0, mode: 0o640) } == .exists)
    }

    @Test(arguments: Disk.Kind.allCases, [0, 1, 511, 512, 4_095, 4_096, 4_097, 1_048_577])
    func bytesAreReadAsTheyWereWritten(kind: Disk.Kind, byteCount: Int) throws {
        let disk = try Disk(kind)
        let bytes = pattern(byteCount)
        let file = try disk.files.create("a", reserving: 0, mode: 0o600)
        try file.write(bytes, at: 0)
        try file.synchronize()
        #expect(try file.status().byteCount == ByteCount(byteCount))
        #expect(try disk.files.get("a") == bytes)
        #expect(try disk.files.open("a", for: .reading).read(byteCount: byteCount, at: 0) == bytes)
    }

    @Test(arguments: Disk.Kind.allCases)
    func writesAtPlacesLeaveTheRestAlone(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        let file = try disk.files.create("a", reserving: 4, mode: 0o600)
        try file.write([1, 2], at: 1)
        try file.write([9], at: 6)
        try file.write([], at: 100)
        #expect(try disk.files.get("a") == [0, 1, 2, 0, 0, 0, 9])
        let again = try disk.files.open("a", for: .writing)
        try again.write([7], at: 0)
        try again.truncate(to: 3)
        #expect(try disk.files.get("a") == [7, 1, 2])
        try again.truncate(to: 4)
        #expect(try disk.files.get("a") == [7, 1, 2, 0])
    }

    @Test(arguments: Disk.Kind.allCases, [1, 99, 100, 101, 200, 250, 7_000])
    func aReadInPartsLeavesTheGapsAlone(kind: Disk.Kind, byteCount: Int) throws {
        let disk = try Disk(kind)
        let bytes = pattern(8_000)
        try disk.files.put("a", bytes)
        var buffer = [UInt8](repeating: 255, count: 10_000)
        let parts = BufferParts(first: 3, byteCount: 100, gap: 13)
        let file = try disk.files.open("a", for: .reading)
        try file.read(into: &buffer, parts, byteCount: byteCount, at: 500)
        var expected = [UInt8](repeating: 255, count: 10_000)
        for number in 0..<byteCount { expected[3 + number / 100 * 113 + number % 100] = bytes[500 + number] }
        let isAsExpected = buffer == expected  // ten thousand bytes would make a long report
        #expect(isAsExpected)
        let atTheEnd = code { try file.read(into: &buffer, parts, byteCount: byteCount, at: 7_999) }
        #expect(atTheEnd == (byteCount == 1 ? nil : .truncated))
    }

    @Test(arguments: Disk.Kind.allCases)
    func aReadIsWholeOrAnError(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("a", [1, 2, 3, 4])
        let file = try disk.files.open("a", for: .reading)
        var buffer: [UInt8] = [9, 9, 9, 9, 9]
        try file.read(into: &buffer, 1..<3, at: 2)
        #expect(buffer == [9, 3, 4, 9, 9])
        #expect(code { try file.read(into: &buffer, 0..<3, at: 2) } == .truncated)
        #expect(code { _ = try file.read(byteCount: 1, at: 4) } == .truncated)
        #expect(try file.read(byteCount: 0, at: 4) == [])
        #expect(code { try file.write([1], at: 0) } == .io)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aSmallFileIsReadWholeUpToTheBound(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("a", [1, 2, 3])
        #expect(try disk.files.readWhole("a", byteCountMax: 3) == [1, 2, 3])
        #expect(code { _ = try disk.files.readWhole("a", byteCountMax: 2) } == .tooLarge)
        #expect(code { _ = try disk.files.readWhole("b", byteCountMax: 2) } == .notFound)
    }

    @Test(arguments: Disk.Kind.allCases)
    func onlyRegularFilesOpen(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("d", mode: 0o755)
        #expect(code { _ = try disk.files.open("d", for: .reading) } == .wrongKind)
        #expect(code { _ = try disk.files.open(.root, for: .reading) } == .wrongKind)
        #expect(code { _ = try disk.files.open("no", for: .reading) } == .notFound)
    }

    @Test(arguments: Disk.Kind.allCases)
    func foldersAreMadeWithThoseAboveThem(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("a/b/c", mode: 0o777)
        try disk.files.makeDirectory("a/b", mode: 0o700)
        #expect(try disk.files.status("a/b").mode == 0o777)
        #expect(try disk.files.status("a/b/c").kind == .directory)
        try disk.files.makeDirectory(.root, mode: 0o700)
        try disk.files.put("file", [])
        #expect(code { try disk.files.makeDirectory("file", mode: 0o700) } == .wrongKind)
        #expect(code { try disk.files.makeDirectory("file/x", mode: 0o700) } == .wrongKind)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aListIsSortedAndSaysWhatThingsAre(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("b", [])
        try disk.files.makeDirectory("c", mode: 0o755)
        try disk.files.makeLink("a", target: "anywhere")
        let found = try disk.files.list(.root)
        #expect(found.map(\.name) == ["a", "b", "c"])
        #expect(found.map(\.kind) == [.link, .file, .directory])
        #expect(try disk.files.list("c").isEmpty)
        #expect(code { _ = try disk.files.list("b") } == .wrongKind)
        #expect(code { _ = try disk.files.list("no") } == .notFound)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aRenameReplacesOrRefusesAsAsked(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("a", [1])
        try disk.files.put("b", [2])
        #expect(code { try disk.files.rename("a", to: "b", target: .mustNotExist) } == .exists)
        #expect(try disk.files.get("b") == [2])
        try disk.files.rename("a", to: "b", target: .mayExist)
        #expect(try disk.files.names() == ["b"])
        #expect(try disk.files.get("b") == [1])
        #expect(code { try disk.files.rename("no", to: "c", target: .mayExist) } == .notFound)
        #expect(code { try disk.files.rename("b", to: "no/c", target: .mayExist) } == .notFound)
        #expect(code { try disk.files.rename(.root, to: "c", target: .mayExist) } == .invalidPath)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aFolderMovesWithItsContents(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("staging/x", mode: 0o755)
        try disk.files.makeDirectory("versions/full", mode: 0o755)
        try disk.files.put("staging/x/file", [1])
        try disk.files.put("versions/full/file", [2])
        #expect(code { try disk.files.rename("staging/x", to: "versions/full", target: .mayExist) } == .wrongKind)
        #expect(code { try disk.files.rename("staging/x", to: "versions/full", target: .mustNotExist) } == .exists)
        #expect(code { try disk.files.rename("staging", to: "staging/x/y", target: .mayExist) } == .unsupported)
        try disk.files.rename("staging/x", to: "versions/x", target: .mustNotExist)
        #expect(try disk.files.get("versions/x/file") == [1])
        #expect(try disk.files.names("staging").isEmpty)
        try disk.files.makeDirectory("versions/empty", mode: 0o755)
        try disk.files.rename("versions/x", to: "versions/empty", target: .mayExist)
        #expect(try disk.files.get("versions/empty/file") == [1])
    }

    @Test(arguments: Disk.Kind.allCases)
    func anOpenFileSurvivesItsRemovalAndItsReplacement(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("a", [1])
        try disk.files.put("b", [2])
        let (first, second) = (try disk.files.open("a", for: .reading), try disk.files.open("b", for: .reading))
        try disk.files.remove("a")
        try disk.files.writeAtomically("b", [3], mode: 0o644)
        #expect(try first.read(byteCount: 1, at: 0) == [1])
        #expect(try second.read(byteCount: 1, at: 0) == [2])
        #expect(code { try disk.files.remove("a") } == .notFound)
    }

    @Test(arguments: Disk.Kind.allCases)
    func removalsAreOfTheRightKind(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("d/e", mode: 0o755)
        try disk.files.put("f", [])
        #expect(code { try disk.files.remove("d") } == .wrongKind)
        #expect(code { try disk.files.removeDirectory("f") } == .wrongKind)
        #expect(code { try disk.files.removeDirectory("d") } == .wrongKind)
        #expect(code { try disk.files.removeDirectory(.root) } == .invalidPath)
        try disk.files.removeDirectory("d/e")
        try disk.files.removeDirectory("d")
        #expect(try disk.files.names() == ["f"])
    }

    @Test(arguments: Disk.Kind.allCases)
    func aTreeIsRemovedWithReadOnlyFoldersAndLinksButNotWhatTheyNames(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("t/a/b", mode: 0o755)
        try disk.files.makeDirectory("kept", mode: 0o755)
        try disk.files.put("kept/file", [1])
        try disk.files.put("t/a/b/file", [1])
        try disk.files.makeLink("t/a/link", target: "../../kept")
        try disk.files.makeContentsReadOnly("t")
        #expect(try disk.files.status("t/a/b").mode == 0o555)
        #expect(try disk.files.status("t/a/b/file").mode == 0o444)
        try disk.files.removeTree("t")
        try disk.files.removeTree("t")
        #expect(try disk.files.names() == ["kept"])
        #expect(try disk.files.get("kept/file") == [1])
    }

    @Test(arguments: Disk.Kind.allCases)
    func linksAreNeverFollowed(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("d", mode: 0o755)
        try disk.files.put("d/file", [1])
        try disk.files.makeLink("folder", target: "d")
        try disk.files.makeLink("file", target: "d/file")
        #expect(code { _ = try disk.files.open("file", for: .reading) } == .link)
        #expect(code { _ = try disk.files.open("file", for: .writing) } == .link)
        #expect(code { _ = try disk.files.open("folder/file", for: .reading) } == .link)
        #expect(code { _ = try disk.files.create("folder/new", reserving: 0, mode: 0o600) } == .link)
        #expect(code { try disk.files.makeDirectory("folder/new", mode: 0o755) } == .link)
        #expect(code { try disk.files.remove("folder/file") } == .link)
        #expect(code { try disk.files.rename("d/file", to: "folder/new", target: .mayExist) } == .link)
        #expect(code { try disk.files.setMode("file", 0o600) } == .link)
        #expect(code { _ = try disk.files.status("folder/file") } == .link)
        #expect(try disk.files.status("file").kind == .link)
        #expect(try disk.files.names("d") == ["file"])
    }

    @Test(arguments: Disk.Kind.allCases)
    func aLinkIsReadAndReplacedWhole(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.replaceLink("current", target: "versions/1")
        #expect(try disk.files.readLink("current") == "versions/1")
        try disk.files.replaceLink("current", target: "versions/2")
        #expect(try disk.files.readLink("current") == "versions/2")
        #expect(try disk.files.names() == ["current"])
        try disk.files.put("file", [])
        #expect(code { _ = try disk.files.readLink("file") } == .wrongKind)
        #expect(code { _ = try disk.files.readLink("no") } == .notFound)
        #expect(code { try disk.files.makeLink("current", target: "x") } == .exists)
        try disk.files.remove("current")
        #expect(try disk.files.names() == ["file"])
    }

    @Test(arguments: Disk.Kind.allCases)
    func anAtomicWriteReplacesAndLeavesNothingElse(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDurableDirectory("a/b", mode: 0o700)
        try disk.files.writeAtomically("a/b/file", [1, 2, 3], mode: 0o600)
        try disk.files.writeAtomically("a/b/file", [4], mode: 0o640)
        #expect(try disk.files.get("a/b/file") == [4])
        #expect(try disk.files.status("a/b/file").mode == 0o640)
        #expect(try disk.files.names("a/b") == ["file"])
        #expect(code { try disk.files.writeAtomically("no/file", [], mode: 0o600) } == .notFound)
        #expect(code { try disk.files.writeAtomically(.root, [], mode: 0o600) } == .invalidPath)
    }

    @Test(arguments: Disk.Kind.allCases)
    func modeAndOwnerAreSetExactly(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.makeDirectory("d", mode: 0o777)
        let file = try disk.files.create("f", reserving: 0, mode: 0o666)
        #expect(try file.status().mode == 0o666)
        try file.setMode(0o444)
        try disk.files.setMode("d", 0o750)
        #expect(try disk.files.status("f").mode == 0o444)
        #expect(try disk.files.status("d").mode == 0o750)
        let before = try disk.files.status("f")
        try disk.files.setOwner("f", user: before.userID, group: nil)
        #expect(try disk.files.status("f").groupID == before.groupID)
        #expect(code { try disk.files.setOwner("no", user: nil, group: nil) } == .notFound)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aLockIsHeldByOneAndGoesWithItsObject(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("store.json", [])
        var held: (any FileLock)? = try disk.files.lock("store.json")
        #expect(code { _ = try disk.files.lock("store.json") } == .busy)
        let folder = try disk.files.lock(.root)
        #expect(code { _ = try disk.files.lock(.root) } == .busy)
        _ = held
        held = nil
        #expect(code { _ = try disk.files.lock("store.json") } == nil)
        #expect(code { _ = try disk.files.lock("no") } == .notFound)
        withExtendedLifetime(folder) {}
    }

    @Test(arguments: Disk.Kind.allCases)
    func aCopyHasTheSameBytesAndIsIndependent(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        let bytes = pattern((2 << 20) + 7)
        let outside = try TemporaryFolder()
        try RealFileSystem(folder: outside.path).put("source", bytes)
        let source = try OutsideFile(path: "\(outside.path)/source")
        _ = try disk.files.copy(from: source, to: "copy", mode: 0o600)
        _ = try disk.files.copy(from: disk.files.open("copy", for: .reading), to: "second", mode: 0o640)
        try disk.files.open("copy", for: .writing).write([0xFF], at: 0)
        #expect(try disk.files.get("second") == bytes)
        #expect(try disk.files.status("second").mode == 0o640)
        #expect(code { _ = try disk.files.copy(from: source, to: "copy", mode: 0o600) } == .exists)
        try RealFileSystem(folder: outside.path).put("empty", [])
        _ = try disk.files.copy(from: OutsideFile(path: "\(outside.path)/empty"), to: "empty", mode: 0o600)
        #expect(try disk.files.get("empty") == [])
    }

    @Test(arguments: Disk.Kind.allCases)
    func changesShowInTheTimeOfModification(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        try disk.files.put("a", [1])
        let before = try disk.files.status("a").modifiedNanoseconds
        #expect(try disk.files.status("a").modifiedNanoseconds == before)
        // The system's clock for files is coarse: write until it has moved on.
        let file = try disk.files.open("a", for: .writing)
        var changed = false
        for _ in 0..<1_000_000 where !changed {
            try file.write([2], at: 0)
            changed = try file.status().modifiedNanoseconds > before
        }
        #expect(changed)
    }

    @Test(arguments: Disk.Kind.allCases)
    func thereIsFreeSpaceAndTheFolderHasAPath(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        #expect(try disk.files.freeByteCount() > 0)
        #expect(disk.files.absolutePath("a/b") == "\(disk.files.folder)/a/b")
        #expect(disk.files.absolutePath(.root) == disk.files.folder)
        #expect(try disk.files.exists(.root))
        #expect(try !disk.files.exists("no"))
    }

    @Test(arguments: Disk.Kind.allCases)
    func aReservedFileIsAtLeastThatLongAndKeepsItsBytes(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        let file = try disk.files.create("a", reserving: 0, mode: 0o600)
        try file.write([1, 2], at: 0)
        try file.reserve(3, at: 2)
        #expect(try disk.files.get("a") == [1, 2, 0, 0, 0])
        try file.reserve(3, at: 0)
        #expect(try file.status().byteCount == 5)
    }

    @Test(arguments: Disk.Kind.allCases)
    func aPartOfAnotherFileIsCopiedToItsPlace(kind: Disk.Kind) throws {
        let disk = try Disk(kind)
        let bytes = pattern(3 << 20)
        try disk.files.put("source", bytes)
        let source = try disk.files.open("source", for: .reading)
        let target = try disk.files.create("target", reserving: 10, mode: 0o600)
        try target.copy(FilePart(of: source, from: 5, byteCount: 2_097_152), to: 3)
        #expect(try disk.files.get("target") == [0, 0, 0] + bytes[5..<2_097_157])
        #expect(code { try target.copy(FilePart(of: source, from: 3_145_728, byteCount: 1), to: 0) } == .truncated)
    }

    /// Where the disk cannot share, nothing may have changed.
    @Test(arguments: Disk.Kind.allCases, [0, 1])
    func sharingBlocksIsTheSameAsCopyingOrNothing(kind: Disk.Kind, offset: Int) throws {
        let disk = try Disk(kind)
        let bytes = pattern(16_384)
        try disk.files.put("source", bytes)
        let source = try disk.files.open("source", for: .reading)
        let target = try disk.files.create("target", reserving: 20_000, mode: 0o600)
        let isShared = try target.shareBlocks(
            of: FilePart(of: source, from: 4_096, byteCount: 8_192), at: ByteOffset(offset))
        #expect(!isShared || offset == 0)
        let found = try disk.files.get("target")
        var expected = [UInt8](repeating: 0, count: 20_000)
        if isShared { expected.replaceSubrange(0..<8_192, with: bytes[4_096..<12_288]) }
        #expect(found == expected)
    }
}
