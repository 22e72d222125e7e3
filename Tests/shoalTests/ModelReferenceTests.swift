import Control
import Testing

@testable import shoal

@Suite struct ModelReferenceTests {
    @Test(
        arguments: [
            ("fish", "fish", nil, nil), ("acme/fish@1.0", "acme/fish", "1.0", nil),
            ("fish:canary", "fish", nil, "canary"),
            ("fish@deadbeef00", "fish", "deadbeef00", nil),
        ] as [(String, String, String?, String?)])
    func whatIsWrittenIsTaken(_ text: String, _ model: String, _ version: String?, _ channel: String?) throws {
        let reference = try #require(ModelReference(argument: text))
        #expect(reference.model == model && reference.version == version && reference.channel == channel)
    }

    @Test(arguments: ["", "@1", ":stable", "fish@", "fish:", "fish:a/b", "a//b", "a b", "versions", "/fish", "fish/"])
    func whatNamesNothingIsRefused(_ text: String) {
        #expect(ModelReference(argument: text) == nil)
    }

    @Test func aMissingVersionIsWrongUsage() throws {
        let reference = try #require(ModelReference(argument: "fish:canary"))
        let error = #expect(throws: ControlError.self) { try reference.requireVersion("promote") }
        #expect(error?.exit == .wrongUsage && error?.hint.contains("fish@TAG") == true)
    }
}
