import Control
import FoundationEssentials
import Manifest
import Testing
import Units

@testable import shoal

@Suite struct LineageFileTests {
    private func read(_ text: String) throws -> [Note] {
        let path = FileManager.default.temporaryDirectory.path + "/shoal-lineage-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(text.utf8).write(to: URL(filePath: path))
        return try LineageFile.read(path)
    }

    @Test func objectsBecomeNamesWithDotsAndTheRestText() throws {
        let notes = try read(
            #"{"dataset": "coco", "metrics": {"map50": 0.5, "n": {"a": 3}}, "list": [1, "b"], "ok": true, "no": null}"#)
        #expect(
            notes.map { "\($0.key)=\($0.value)" } == [
                "dataset=coco", #"list=[1,"b"]"#, "metrics.map50=0.5", "metrics.n.a=3", "no=", "ok=true",
            ])
    }

    @Test(arguments: ["[]", "1", "", "{", #"{"a": }"#])
    func whatIsNoObjectIsRefused(text: String) {
        let error = #expect(throws: ControlError.self) { try read(text) }
        #expect(error?.description.contains("not a JSON object") == true)
    }

    @Test func namesThatAreThereTwiceAndControlCharactersAreRefused() {
        let twice = #expect(throws: ControlError.self) { try read(#"{"a.b": 1, "a": {"b": 2}}"#) }
        #expect(twice?.description.contains("a.b is there twice") == true)
        let control = #expect(throws: ControlError.self) { try read(#"{"a": "x\ny"}"#) }
        #expect(control?.description.contains("control character") == true)
        #expect(throws: ControlError.self) { try LineageFile.read("/dev/zero") }
    }

    @Test func whatIsTooLongOrTooManyIsRefusedByName() {
        let long = #expect(throws: ControlError.self) {
            try read("{\"key\": \"\(String(repeating: "x", count: 4_097))\"}")
        }
        #expect(long?.description.contains("key is too long") == true)
        let many = (0..<65).map { "\"k\($0)\": 1" }.joined(separator: ",")
        let error = #expect(throws: ControlError.self) { try read("{\(many)}") }
        #expect(error?.description.contains("65 entries") == true)
    }
}

@Suite struct VariantPlacesTests {
    @Test func onePathIsTheDefaultVariant() throws {
        let places = try VariantPlaces(path: "x", variants: []).places
        #expect(places.map(\.variant) == [.default] && places.map(\.path) == ["x"])
    }

    @Test func variantsHaveAPathEach() throws {
        let places = try VariantPlaces(path: nil, variants: ["cuda=a=b", "onnx-cpu=c"]).places
        #expect(places.map(\.variant.text) == ["cuda", "onnx-cpu"] && places.map(\.path) == ["a=b", "c"])
    }

    @Test(arguments: [["cuda"], ["=x"], ["cuda="], ["a/b=x"], ["a=x", "a=y"], []])
    func whatIsNoVariantIsRefused(variants: [String]) {
        #expect(throws: ControlError.self) { try VariantPlaces(path: nil, variants: variants) }
    }

    @Test func aPathAndVariantsAreRefused() {
        #expect(throws: ControlError.self) { try VariantPlaces(path: "x", variants: ["a=y"]) }
    }
}
