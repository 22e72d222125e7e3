import CLinux
import Files
import Glibc
import Testing
import Units

@Suite struct RealFileSystemTests {
    @Test func aLinkThatOthersPutThereLeadsNowhere() throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder()
        try RealFileSystem(folder: outside.path).put("secret", [1])
        let files = try RealFileSystem(folder: folder.path)
        try #require(unsafe symlink(outside.path, "\(folder.path)/out") == 0)
        try #require(unsafe symlink("\(outside.path)/secret", "\(folder.path)/secret") == 0)
        try #require(unsafe symlink("..", "\(folder.path)/up") == 0)
        try #require(unsafe symlink("/proc/self/root", "\(folder.path)/magic") == 0)
        for path in ["out/secret", "secret", "up/x", "magic/etc/passwd"] as [StorePath] {
            #expect(code { _ = try files.open(path, for: .reading) } == .link)
            #expect(code { _ = try files.open(path, for: .writing) } == .link)
        }
        #expect(code { _ = try files.create("out/new", reserving: 0, mode: 0o600) } == .link)
        #expect(code { try files.writeAtomically("out/secret", [2], mode: 0o600) } == .link)
        #expect(code { try files.removeTree("out/secret") } == .link)
        #expect(code { _ = try files.list("out") } == .link)
        #expect(code { try files.synchronizeDirectory("out") } == .link)
        try files.removeTree("out")
        #expect(try RealFileSystem(folder: outside.path).get("secret") == [1])
    }

    @Test func aLinkAtTheNameOfANewFileIsNotWrittenThrough() throws {
        let folder = try TemporaryFolder()
        let outside = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        try #require(unsafe symlink("\(outside.path)/planted", "\(folder.path)/new") == 0)
        #expect(code { _ = try files.create("new", reserving: 0, mode: 0o600) } == .exists)
        #expect(try RealFileSystem(folder: outside.path).names().isEmpty)
    }

    @Test func theFolderIsTheOneThatWasOpenedEvenIfItsPathIsRenamed() throws {
        let parent = try TemporaryFolder()
        let files = try RealFileSystem(folder: "\(parent.path)/a/state", creatingWithMode: 0o750)
        let above = try RealFileSystem(folder: parent.path)
        #expect(try above.status("a/state").mode == 0o750)
        try above.rename("a/state", to: "a/moved", target: .mustNotExist)
        try files.put("file", [1])
        #expect(try above.get("a/moved/file") == [1])
    }

    @Test func aQueueAndASocketDoNotOpenNorBlock() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        try #require(unsafe mkfifo("\(folder.path)/queue", 0o600) == 0)
        #expect(code { _ = try files.open("queue", for: .reading) } == .wrongKind)
        #expect(code { _ = try OutsideFile(path: "\(folder.path)/queue") } == .wrongKind)
        #expect(try files.status("queue").kind == .other)
    }

    @Test func descriptorsAreNotInheritedAndAreClosed() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        try files.put("a", [1])
        let file = try files.open("a", for: .reading)
        var inherited = 0
        for number in Int32(3)..<256 {
            var status = stat()
            let isOurs = unsafe fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == 1
            if isOurs, fcntl(number, F_GETFD) & FD_CLOEXEC == 0 { inherited += 1 }
        }
        #expect(inherited == 0)
        withExtendedLifetime(file) {}
    }

    @Test func aMissingFolderIsReportedByName() {
        let error = #expect(throws: FileError.self) { _ = try RealFileSystem(folder: "/nonexistent/state") }
        #expect(error?.code == .notFound)
        #expect(error?.path == "/nonexistent/state")
    }

    @Test func reservedSpaceIsTakenFromTheDiskAtOnce() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        _ = try files.create("a", reserving: 8_388_608, mode: 0o600)
        var status = stat()
        #expect(unsafe stat("\(folder.path)/a", &status) == 0)
        #expect(status.st_size == 8 << 20)
        // In memory the space is only compared with what is free.
        let descriptor = unsafe open("\(folder.path)/a", O_RDWR)
        defer { close(descriptor) }
        if clinux_reserve(descriptor, 0, 1) == 0 { #expect(status.st_blocks * 512 >= 8 << 20) }
    }

    @Test func aFileInMemoryIsNotMadeBeforeItIsWritten() throws {
        let folder = "/dev/shm/shoal-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        guard unsafe access("/dev/shm", W_OK) == 0 else { return }
        let files = try RealFileSystem(folder: folder, creatingWithMode: 0o700)
        defer {
            unsafe unlink("\(folder)/a")
            unsafe rmdir(folder)
        }
        _ = try files.create("a", reserving: 8_388_608, mode: 0o600)
        var status = stat()
        #expect(unsafe stat("\(folder)/a", &status) == 0)
        #expect(status.st_size == 8 << 20)
        #expect(status.st_blocks == 0)
        let tooMuch = try files.freeByteCount() + ByteCount(1 << 40)
        #expect(code { _ = try files.create("b", reserving: tooMuch, mode: 0o600) } == .full)
    }

    @Test func moreThanTheDiskHasIsRefusedAndLeavesNothing() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        let tooMuch = try files.freeByteCount() + ByteCount(1 << 40)
        #expect(code { _ = try files.create("a", reserving: tooMuch, mode: 0o600) } == .full)
        #expect(try files.names().isEmpty)
    }

    @Test func anOutsideFolderIsListedThroughItsLinks() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        try files.put("file", [1])
        try files.makeLink("link", target: "file")
        try files.makeLink("nowhere", target: "missing")
        let found = try OutsideFile.list(folder: folder.path)
        #expect(found.map(\.name) == ["file", "link", "nowhere"])
        #expect(found.map(\.kind) == [.file, .file, .link])
        #expect(try OutsideFile(path: "\(folder.path)/link").read(byteCount: 1, at: 0) == [1])
    }
}
