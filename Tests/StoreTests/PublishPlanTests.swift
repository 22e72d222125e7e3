import Files
import FoundationEssentials
import Glibc
import Manifest
import Testing
import Units

@testable import Store

@Suite struct PublishPlanTests {
    private func plan(_ folder: TemporaryFolder, _ links: LinkPolicy = .readThrough) throws -> PublishPlan {
        try PublishPlan.scan(folder.path, links: links)
    }

    /// The error's subject, below the folder, and its text.
    private func refusal(_ folder: TemporaryFolder, _ links: LinkPolicy = .readThrough) -> (path: String, text: String)?
    {
        do {
            _ = try plan(folder, links)
            return nil
        } catch let error as StoreError {
            #expect(error.code == .refused)
            return (String(error.subject.dropFirst(folder.path.utf8.count + 1)), error.detail)
        } catch {
            return nil
        }
    }

    private func link(_ name: String, to target: String, in folder: TemporaryFolder) throws {
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/\(name)", withDestinationPath: target)
    }

    @Test func filesAndSubFoldersAreFoundInOrder() throws {
        let folder = try TemporaryFolder()
        for (name, count) in [("b/z", 3), ("b/a/deep", 0), ("a", 1), ("B.txt", 2)] {
            try folder.write(name, noise(count, seed: 1))
        }
        let plan = try plan(folder)
        #expect(plan.files.map(\.path.text) == ["B.txt", "a", "b/a/deep", "b/z"])
        #expect(plan.files.map(\.byteCount) == [2, 1, 0, 3])
        #expect(plan.byteCount == 6)
        #expect(plan.leftOut.isEmpty)
    }

    @Test func aSingleFileKeepsItsName() throws {
        let folder = try TemporaryFolder()
        try folder.write("model.onnx", [1, 2])
        try link("alias.onnx", to: "model.onnx", in: folder)
        #expect(try PublishPlan.scan("\(folder.path)/model.onnx").files.map(\.path.text) == ["model.onnx"])
        #expect(try PublishPlan.scan("\(folder.path)/alias.onnx").files.map(\.path.text) == ["alias.onnx"])
    }

    @Test func theRepositoryAndEmptyFoldersAreLeftOutAndSaidSo() throws {
        let folder = try TemporaryFolder()
        try folder.write("model", [1])
        try folder.write(".git/HEAD", [1])
        try folder.write("sub/.git/HEAD", [1])
        try folder.write(".gitattributes", [1])
        try FileManager.default.createDirectory(atPath: "\(folder.path)/none", withIntermediateDirectories: true)
        let plan = try plan(folder)
        #expect(plan.files.map(\.path.text) == [".gitattributes", "model"])
        #expect(plan.leftOut.map(\.path) == [".git", "none", "sub/.git"])
        #expect(plan.leftOut[1].description.contains("an empty folder"))
    }

    @Test func aLinkToAFileIsReadThroughUnlessRefused() throws {
        let folder = try TemporaryFolder()
        let elsewhere = try TemporaryFolder()
        try elsewhere.write("blob", [1, 2, 3])
        try folder.write("plain", [1])
        try link("model", to: "\(elsewhere.path)/blob", in: folder)
        #expect(try plan(folder).files.map(\.byteCount) == [3, 1])
        let refused = refusal(folder, .refuse)
        #expect(refused?.path == "model")
        #expect(refused?.text.contains("a link") == true)
    }

    @Test(arguments: ["a dangling link", "a link to a folder", "a queue", "a socket", "a device"])
    func whatIsNoFileIsRefusedByName(kind: String) throws {
        let folder = try TemporaryFolder()
        let elsewhere = try TemporaryFolder()
        try folder.write("good", [1])
        let bad = "\(folder.path)/bad"
        switch kind {
        case "a dangling link": try link("bad", to: "nowhere", in: folder)
        case "a link to a folder": try link("bad", to: elsewhere.path, in: folder)
        case "a queue": #expect(unsafe mkfifo(bad, 0o600) == 0)
        case "a socket": #expect(unsafe mknod(bad, S_IFSOCK | 0o600, 0) == 0)
        default: try link("bad", to: "/dev/null", in: folder)
        }
        let refused = refusal(folder)
        #expect(refused?.path == "bad")
        #expect(refused?.text.contains(kind) == true)
    }

    @Test(arguments: ["back\\slash", "new\nline", "tab\t", "delete\u{7F}", "\u{1}"])
    func namesThatThePathRuleForbidsAreRefusedByName(name: String) throws {
        let folder = try TemporaryFolder()
        try folder.write("sub/\(name)", [1])
        let refused = refusal(folder)
        #expect(refused?.path == "sub/\(name)")
        #expect(refused?.text.contains("control character or a backslash") == true)
    }

    @Test func aNameThatIsNoTextIsRefused() throws {
        let folder = try TemporaryFolder()
        let bytes = Array("\(folder.path)/x".utf8) + [0xFF, 0xFE, 0]
        let descriptor = unsafe bytes.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { path in
            unsafe path.baseAddress.map { unsafe creat($0, 0o600) } ?? -1
        }
        try #require(descriptor >= 0)
        close(descriptor)
        #expect(refusal(folder)?.text.contains("not valid UTF-8") == true)
    }

    @Test func aFolderThatIsTooDeepIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write(String(repeating: "d/", count: 32) + "x", [1])
        #expect(refusal(folder)?.text.contains("deep") == true)
    }

    @Test(arguments: [
        ("Model.bin", "model.bin"), ("caf\u{E9}", "cafe\u{301}"), ("CAF\u{C9}", "cafe\u{301}"),
        ("stra\u{DF}e", "STRASSE"),
        ("sub/x", "SUB/y"), ("sub", "SUB/y"), ("\u{212A}", "k"),
    ])
    func namesThatDifferOnlyByCaseOrNormalisationAreRefused(one: String, other: String) throws {
        let folder = try TemporaryFolder()
        try folder.write(one, [1])
        try folder.write(other, [2])
        #expect(refusal(folder)?.text.contains("differ only by case or Unicode normalisation") == true)
    }

    @Test func oneFileTooManyIsRefused() throws {
        let folder = try TemporaryFolder()
        let files = try RealFileSystem(folder: folder.path)
        for number in 0...Limits.fileCountMax {
            _ = try files.create(StorePath(components: ["f\(number)"]), reserving: 0, mode: 0o600)
        }
        #expect(refusal(folder)?.text.contains("more than 16384 files") == true)
        try files.remove("f7")
        #expect(try plan(folder).files.count == Limits.fileCountMax)
    }

    @Test func nothingToPublishIsRefused() throws {
        let folder = try TemporaryFolder()
        try folder.write(".git/HEAD", [1])
        #expect(refusal(folder)?.text.contains("nothing to publish") == true)
    }

    @Test func aPathThatIsNotThereIsNotFound() throws {
        let folder = try TemporaryFolder()
        let error = #expect(throws: StoreError.self) { try PublishPlan.scan("\(folder.path)/none") }
        #expect(error?.code == .notFound)
    }
}
