import Testing
import Units

@testable import Manifest

@Suite struct ManifestTests {
    private static func error(_ files: [FileEntry]) -> DocumentError? {
        do {
            _ = try Samples.manifest(files: files)
            return nil
        } catch { return error }
    }

    @Test func partsInAnyOrder_becomeTheCanonicalOne() throws {
        let manifest = try Manifest(
            model: Samples.model, tag: Samples.name("v1"), publishNumber: .max, created: Samples.time,
            chunking: .fixed(65_536), layout: LayoutReference(digest: Samples.digest(1), byteCount: 10, chunkCount: 0),
            variants: [
                Variant(name: Samples.name("b"), files: [Samples.file("z"), Samples.file("a/b"), Samples.file("a-c")]),
                Variant(name: Samples.name("B"), files: [Samples.file("x")]),
            ], parent: Samples.digest(2), lineage: [Note(key: "z", value: ""), Note(key: "a", value: "ö")],
            gates: [Note(key: "b", value: "1"), Note(key: "a", value: "2")])
        #expect(manifest.variants.map(\.name.text) == ["B", "b"])
        #expect(manifest.files.map(\.path.text) == ["x", "a-c", "a/b", "z"])
        #expect(manifest.lineage.map(\.key) == ["a", "z"])
        #expect(manifest.gates.map(\.key) == ["a", "b"])
        #expect(try Manifest(body: manifest.encode()) == manifest)
        #expect(manifest.fileRange(of: Samples.name("b")) == 1..<4)
        #expect(manifest.fileRange(of: Samples.name("c")) == nil)
        #expect(manifest.variant(Samples.name("b"))?.byteCount == 3)
    }

    @Test func pathsThatCollide_areRefused_andTheErrorNamesThem() {
        #expect(Self.error([Samples.file("a"), Samples.file("a")])?.code == .invalid)
        let folder = Self.error([Samples.file("a"), Samples.file("a.b"), Samples.file("a/b")])
        #expect(folder?.description == "manifest: files: not valid: a is a file and the folder of a/b")
        let deep = Self.error([Samples.file("a/b"), Samples.file("a/b/c/d")])
        #expect(deep?.code == .invalid)
        let other = Self.error([Samples.file("A"), Samples.file("a/b")])
        #expect(other?.description == "manifest: files: not valid: A is a file and the folder of a/b")
        let capitals = Self.error([Samples.file("x/Readme"), Samples.file("x/README")])
        #expect(capitals?.detail.contains("differ only in capitals") == true)
        // Letters beyond ASCII are for the publisher to compare.
        #expect(Self.error([Samples.file("ä"), Samples.file("Ä")]) == nil)
        #expect(Self.error([Samples.file("ab"), Samples.file("a/b"), Samples.file("a-b")]) == nil)
    }

    @Test func twoSpellingsOfOneLetter_areTwoPaths() {
        let (composed, decomposed): (FilePath, FilePath) = (Samples.name("\u{E9}"), Samples.name("e\u{301}"))
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(Self.error([Samples.file("\u{E9}"), Samples.file("e\u{301}")]) == nil)
    }

    @Test func sizesWhoseSumOverflows_areRefused() {
        let files = [Samples.file("a", .max), Samples.file("b", 1)]
        #expect(Self.error(files)?.code == .outOfRange)
        #expect(Self.error([Samples.file("a", .max)]) == nil)
    }

    @Test func theMostFiles_areAccepted_andOneMoreIsNot() throws {
        let files = (0...Limits.fileCountMax).map { Samples.file("f\($0)") }
        let manifest = try Samples.manifest(files: Array(files.dropLast()))
        #expect(try Manifest(body: manifest.encode()) == manifest)
        #expect(Self.error(files)?.code == .outOfRange)
    }

    @Test func aDateBeyondAllCalendars_isRefused() throws {
        let layout = LayoutReference(digest: Samples.digest(1), byteCount: 10, chunkCount: 0)
        for (seconds, isAllowed) in [(-1, false), (0, true), (1 << 53 - 1, true), (1 << 53, false), (.max, false)]
            as [(Int64, Bool)]
        {
            let made = try? Manifest(
                model: Samples.model, tag: Samples.name("v1"), publishNumber: 1,
                created: WallTime(secondsSince1970: seconds), chunking: .fixed(65_536), layout: layout,
                variants: [Variant(name: .default, files: [Samples.file("a")])])
            #expect((made != nil) == isAllowed, "\(seconds)")
        }
    }

    @Test func chunkSizes_areThoseOfTheirAlgorithm() {
        func isAllowed(_ algorithm: ChunkingParameters.Algorithm, _ sizes: [UInt32]) -> Bool {
            let chunking = ChunkingParameters(
                algorithm: algorithm, smallest: sizes[0], average: sizes[1], largest: sizes[2])
            return (try? Samples.manifest(files: [Samples.file("a")], chunking: chunking)) != nil
        }
        #expect(isAllowed(.fixed, [4_194_304, 4_194_304, 4_194_304]))
        #expect(!isAllowed(.fixed, [8_388_608, 8_388_608, 8_388_608]))
        #expect(!isAllowed(.fixed, [65_536, 65_536, 131_072]))
        #expect(!isAllowed(.fixed, [98_304, 98_304, 98_304]))
        #expect(isAllowed(.content, [1, 2, 3]))
        #expect(!isAllowed(.content, [3, 2, 3]))
        #expect(!isAllowed(.content, [0, 2, 3]))
        #expect(!isAllowed(.content, [1, 2, 4_194_305]))
    }

    @Test(arguments: [
        ("", "1 to 255"), ("/a", "1 to 255"), ("a//b", "1 to 255"), ("a/", "1 to 255"), ("a/./b", ". or .."),
        ("..", ". or .."), ("a\\b", "backslash"), ("a\u{7F}", "control"), ("a\nb", "control"),
        (String(repeating: "a/", count: 32) + "a", "33 deep"), (String(repeating: "a", count: 256), "256 bytes"),
        (String(repeating: "aaaaaaaaa/", count: 103), "1030 bytes"),
    ])
    func aBadPath_isRefused_withTheReason(path: String, reason: String) {
        #expect(FilePath(path) == nil)
        #expect(FilePath.problem(with: path)?.contains(reason) == true, "\(FilePath.problem(with: path) ?? "")")
    }

    @Test(arguments: [
        "a", "...", ".hidden", " ", "größe/模型.bin", String(repeating: "a/", count: 31) + "a",
        String(repeating: "a", count: 255),
    ])
    func aGoodPath_isTaken(path: String) { #expect(FilePath(path)?.text == path) }

    @Test func patterns_matchWhatThePageSays() {
        func matches(_ pattern: String, _ model: String) -> Bool? {
            ModelPattern(pattern)?.matches(Samples.name(model))
        }
        #expect(matches("*", "a/b/c") == true)
        #expect(matches("a", "a") == true)
        #expect(matches("a", "a/b") == false)
        #expect(matches("a/*", "a/b") == true)
        #expect(matches("a/*", "a/b/c") == true)
        #expect(matches("a/*", "a") == false)
        #expect(matches("a/*", "ab/c") == false)
        for bad in ["", "**", "a*", "*/a", "/*", "a/*/b", "a/**", "a//*", "versions/*"] {
            #expect(ModelPattern(bad) == nil, "\(bad)")
        }
        let longest = String(repeating: "m", count: 64) + "/" + String(repeating: "n", count: 63)
        #expect(ModelPattern(longest + "/*") != nil)
    }
}
