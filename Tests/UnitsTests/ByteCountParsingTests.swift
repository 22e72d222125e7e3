import Testing
import Units

@Suite struct ByteCountParsingTests {
    @Test(
        arguments: [
            ("0 B", 0), ("1 kB", 1_000), ("1KiB", 1_024), ("1.5 MB", 1_500_000), ("200 GB", 200_000_000_000),
            ("2 tib", 2_199_023_255_552),
        ] as [(String, Int64)])
    func sizesAreReadAsPeopleWriteThem(text: String, value: Int64) { #expect(ByteCount(parsing: text)?.value == value) }

    @Test(arguments: ["", "5", "GB", "-1 GB", "1 GB/s", "1e3 GB", "1 1 GB", "10000000 TB", "1.2.3 GB"])
    func otherTextsAreNone(text: String) { #expect(ByteCount(parsing: text) == nil) }
}
