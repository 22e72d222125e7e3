import Testing
import Units

@Suite struct NamesTests {
    @Test(arguments: ["a", "0", "A.b_c-d", String(repeating: "x", count: 64)])
    func aPart_isTaken(text: String) {
        #expect(ChannelName(text)?.text == text)
        #expect(VariantName(text)?.text == text)
        #expect(NodeName(text)?.text == text)
        #expect(ModelName(text)?.text == text)
        #expect(Tag(text)?.text == text)
    }

    @Test(arguments: ["", ".a", "-a", "_a", "a b", "a\n", "ä", "a\u{301}", "a*", String(repeating: "x", count: 65)])
    func whatIsNoPart_isRefused(text: String) {
        #expect(ChannelName(text) == nil)
        #expect(VariantName(text) == nil)
        #expect(NodeName(text) == nil)
        #expect(ModelName(text) == nil)
        #expect(ModelName("a/" + text) == nil)
        #expect(Tag(text) == nil)
    }

    @Test func aModel_isParts_noneOfThemReserved() {
        #expect(ModelName("a/b/c")?.parts == ["a", "b", "c"])
        #expect(ModelName("versions2/current1") != nil)
        for bad in ["versions", "current", "a/versions", "current/a", "a//b", "/a", "a/"] {
            #expect(ModelName(bad) == nil, "\(bad)")
        }
        let half = String(repeating: "x", count: 64)
        #expect(ModelName(half + "/" + half.dropLast()) != nil)
        #expect(ModelName(half + "/" + half) == nil)
        #expect(ChannelName("a/b") == nil)
    }

    @Test func aTag_isNotWhatCouldBeADigest() {
        #expect(Tag("deadbee") != nil)
        #expect(Tag("deadbeef") == nil)
        #expect(Tag("DEADBEEF00") == nil)
        #expect(Tag("12345678") == nil)
        #expect(Tag("v12345678") != nil)
    }

    @Test func theOrder_isThatOfTheBytes() {
        let names = ["B", "a", "a.", "a-", "a0", "aA"].compactMap { ChannelName($0) }.sorted()
        #expect(names.map(\.text) == ["B", "a", "a-", "a.", "a0", "aA"])
        guard let first = ModelName("a"), let second = ModelName("b"), let canary = ChannelName("canary") else {
            Issue.record("these are names")
            return
        }
        let channels = [
            ModelChannel(model: second, channel: canary), ModelChannel(model: first, channel: .stable),
            ModelChannel(model: first, channel: canary),
        ]
        #expect(channels.sorted().map(\.description) == ["a:canary", "a:stable", "b:canary"])
        #expect(VariantName.default.text == "default")
    }
}
