import Testing
import Units

@Suite struct JSONScannerTests {
    private func scanner(_ text: String, depthMax: Int = 4) -> JSONScanner {
        JSONScanner(Array(text.utf8)[...], depthMax: depthMax)
    }

    private func isValid(_ text: String, depthMax: Int = 4) -> Bool {
        var scanner = scanner(text, depthMax: depthMax)
        return (try? scanner.skip()) != nil && (try? scanner.requireEnd()) != nil
    }

    @Test(arguments: [
        "{}", "[]", " [ ] ", "0", "-0", "12", "-1.5e+10", "1E5", "true", "false", "null", #""""#, #""a\"b\\\/\u00e9""#,
        #"{"a":1,"b":[true,{"c":null}]}"#, "\t\n\r 1 ", #"["\ud800"]"#, "\"\u{e9}\"",
    ])
    func validTextsAreRead(text: String) { #expect(isValid(text)) }

    @Test(arguments: [
        "", " ", "{", "[", "{]", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "'a'", "01", "-", "1.",
        ".5", "1e", "+1", "tru", "nul", "NaN", "\"", "\"\\x\"", "\"\\u12\"", "\"\n\"", "1 2", "{} {}", "[1 2]", "\\",
    ])
    func otherTextsAreRefused(text: String) { #expect(!isValid(text)) }

    @Test func bytesThatAreNoUTF8AreRefusedInStrings() {
        var scanner = JSONScanner([0x22, 0xFF, 0x22][...], depthMax: 1)
        let fault = #expect(throws: JSONFault.self) { try scanner.skip() }
        #expect(fault?.offset == 3 && fault?.expected.description == "UTF-8")
    }

    @Test func nestingIsBounded() {
        #expect(isValid("[[[[1]]]]"))
        #expect(!isValid("[[[[[1]]]]]"))
        #expect(!isValid(String(repeating: "[", count: 1_000_000)))
        #expect(isValid("[[],[],[[]]]", depthMax: 3))
    }

    @Test func membersComeInOrderWithTheirNamesUnescaped() throws {
        var scanner = scanner(#"{"a": 1, "\u0062\n": 22, "é\u00e9": 3, "a": 4}"#)
        var found: [String] = []
        try scanner.members { (scanner, name) throws(JSONFault) in
            found.append("\(String(decoding: name, as: UTF8.self))=\(try scanner.unsignedInteger())")
        }
        #expect(found == ["a=1", "b\n=22", "é?=3", "a=4"])
    }

    @Test func integersAreExactOrRefused() {
        func integer(_ text: String) -> UInt64? {
            var scanner = scanner(text)
            return try? scanner.unsignedInteger()
        }
        #expect(integer("18446744073709551615") == .max)
        #expect(integer("0") == 0)
        for text in [
            "18446744073709551616", "99999999999999999999999", "-0", "-1", "1.0", "1e0", "1E0", "00", "07", "",
        ] {
            #expect(integer(text) == nil, "\(text)")
        }
    }
}
