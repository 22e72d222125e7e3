import Testing

@testable import shoal

@Suite struct FormatTests {
    @Test(
        arguments: [
            (0, "0 B"), (1, "1 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (90_900_000, "86.7 MiB"), (1 << 30, "1.0 GiB"),
            (1 << 40, "1.0 TiB"), (1 << 50, "1024.0 TiB"), (1_048_575, "1.0 MiB"), ((1 << 30) - 1, "1.0 GiB"),
        ] as [(Int64, String)])
    func sizesHaveOneDecimalAndABinaryUnit(_ count: Int64, _ text: String) {
        #expect(Format.bytes(count) == text)
    }

    @Test func aHundredPercentIsAllOfIt() {
        #expect(Format.percent(999_999, of: 1_000_000) == "99 %" && Format.percent(7, of: 7) == "100 %")
        #expect(Format.percent(0, of: 0).isEmpty)
        #expect(Format.percent(.max - 1, of: .max) == "99 %")
    }

    @Test func columnsLineUpWithoutTrailingBlanks() {
        let table = Format.table(["A", "LONG", "C"], [["one", "2", ""], ["søk", "", "end"]])
        #expect(table == "A    LONG  C\none  2\nsøk        end")
    }
}
