import Files
import Testing
import Units

@Suite struct StorePathTests {
    @Test(arguments: [
        "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\0b", String(repeating: "x", count: 256),
        Array(repeating: "abcdefg", count: 600).joined(separator: "/"),
    ])
    func badPathsAreRefused(text: String) {
        #expect(code { _ = try StorePath(parsing: text) } == .invalidPath)
    }

    @Test func componentsAreCheckedToo() {
        #expect(code { _ = try StorePath(components: ["a/b"]) } == .invalidPath)
        #expect(code { _ = try StorePath(components: [".."]) } == .invalidPath)
        #expect(code { _ = try StorePath("a").appending("..") } == .invalidPath)
        #expect(code { _ = try StorePath("a").appending("") } == .invalidPath)
    }

    @Test func pathsAreTakenApartAndPutTogether() throws {
        let path = try StorePath("models").appending("text/embed").appending(StorePath("versions"))
        #expect(path.description == "models/text/embed/versions")
        #expect(path.name == "versions")
        #expect(path.parent == "models/text/embed")
        #expect(path.prefixes.map(\.description) == ["models", "models/text", "models/text/embed", "\(path)"])
        #expect(StorePath.root.parent == nil && StorePath.root.name == nil && StorePath.root.isRoot)
        #expect(StorePath("a/z") < StorePath("a-b"))
        #expect(try StorePath(parsing: String(repeating: "x", count: 255)).components.count == 1)
        #expect(try StorePath(parsing: "...").name == "...")
    }

    @Test func errorsSayOperationPathAndReason() throws {
        let disk = try Disk(.real)
        let error = #expect(throws: FileError.self) { _ = try disk.files.open("a/b", for: .reading) }
        #expect(error?.description == "open a/b: no such file or directory (errno 2)")
    }
}
